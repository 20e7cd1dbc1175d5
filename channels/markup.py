"""Our markup (`<b> <i> <link>`, escapes) cut into pieces that each stand alone."""

import re

_TOKEN = re.compile(r"<[^>]*>|&(?:amp|lt|gt|quot);|\n|[^<&\n]+|.", re.DOTALL)


def split(text: str, most: int) -> list[str]:
    """Pieces of at most `most` characters, cut at a line's end where there is one in the second half; a tag that is
    open at the cut is closed there and opened again."""
    if len(text) <= most:
        return [text]
    pieces: list[str] = []
    piece = ""
    opened: list[str] = []
    for token in _tokens(text, most):
        closing = "".join(f"</{_name(tag)}>" for tag in reversed(opened))
        if len(piece) + len(token) + len(closing) + 10 > most and _words(piece):
            pieces.append(piece + closing)
            piece = "".join(opened) + ("" if token == "\n" else token)
        else:
            piece += token
        if token.startswith("</"):
            opened = opened[:-1]
        elif token.startswith("<"):
            opened = [*opened, token]
    return [*pieces, piece] if _words(piece) else pieces


def _tokens(text: str, most: int) -> list[str]:
    tokens = []
    for token in _TOKEN.findall(text):
        size = max(most // 4, 1)
        whole = token.startswith(("<", "&"))
        tokens += [token] if whole else [token[at : at + size] for at in range(0, len(token), size)]
    return tokens


def _name(tag: str) -> str:
    return re.split(r"[\s>]", tag[1:])[0]


def _words(piece: str) -> str:
    return re.sub(r"<[^>]*>", "", piece).strip()
