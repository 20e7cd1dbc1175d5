"""What Maru says when somebody adds it to a room."""

from workers.spoken.registry import Ask, Told


def joined(ask: Ask) -> list[Told]:
    """In both languages, as nobody has said anything yet, and without a word of what is inside: whoever added us may
    be an outsider. A chat of two begins with what its person says, and that is answered."""
    if not ask.room:
        return []
    return [Told("안녕하세요, 마루예요. /도움말이라고 말을 걸어 주세요.\nHello, I am Maru. Say /help to me.")]
