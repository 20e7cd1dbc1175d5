"""What Maru says when somebody adds it to a room."""

from workers.spoken.registry import Ask, Told


def joined(ask: Ask) -> list[Told]:
    """Both languages: nobody has said anything yet. An outsider's room is told nothing of what is inside."""
    lines = ["안녕하세요, 마루예요. /도움말이라고 말을 걸어 주세요.", "Hello, I am Maru. Say /help to me."]
    if not ask.outsider and ask.room:
        lines[0] += " 팀의 방이라면 /팀 방이라고 알려 주세요."
        lines[1] += " Is this your team's room? Say /team room."
    return [Told("\n".join(lines))]
