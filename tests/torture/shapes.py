"""The modules that customers of the bench start, and what each of them must be told."""

from dataclasses import dataclass

QUESTION = "어느 쪽인가요?"
EFFECTS = {"profile": {"torture": "끝"}, "tags": ["고문완료"]}
KEYWORD = "둘째 이야기"


@dataclass(frozen=True)
class Line:
    text: str
    wait: float = 0.0


@dataclass(frozen=True)
class Shape:
    """`act` is what somebody does once the customer has seen some messages: reply to the question, say the
    keyword, or a manager writes or closes the chat. `ends`: then at most the message in flight may follow."""

    name: str
    lines: tuple[Line, ...]
    act: str = ""
    ends: bool = False
    yields: bool = True
    effects: bool = False
    question: int = -1  # its place in `lines`
    second: tuple[Line, ...] = ()  # a series of its own that the keyword starts while the first still runs

    @property
    def tag(self) -> str:
        return f"torture-{self.name}"

    def expected(self, customer: str) -> list[Line]:
        return [Line(f"{customer}님 {line.text}", line.wait) for line in (*self.lines, *self.second)]

    @property
    def first_of_second(self) -> int:
        """From this place on nothing is known of the pause before: another series begins."""
        return len(self.lines)

    def modules(self) -> list[str]:
        start = f"{{on: chat_opened, tags: [{self.tag}]}}"
        told = [self._yaml(self.name, start, self.lines)]
        if self.second:
            told.append(self._yaml(f"{self.name}_2", f"{{on: message, says: [{KEYWORD}]}}", self.second))
        return told

    def _yaml(self, name: str, start: str, lines: tuple[Line, ...]) -> str:
        text = f"module: torture_{name}\ntitle: {name}\norder: 1\nyields: {str(self.yields).lower()}\n"
        text += f"starts:\n  - {start}\nsurvey:\n  name: {{type: text, label: 이름}}\n"
        if self.question >= 0:
            text += "  side: {type: choice, label: 쪽, options: [왼쪽, 오른쪽]}\n"
        text += "messages:\n"
        for place, line in enumerate(lines):
            asks = f"ask: side, text: '{{{{ name }}}}님 {line.text}'"
            says = f"text: '{{{{ name }}}}님 {line.text}'"
            words = asks if place == self.question and lines is self.lines else says
            text += f"  - {{{words}, wait: {line.wait:g}}}\n"
        if self.effects:
            text += "effects:\n  profile: {torture: 끝}\n  tags: [고문완료]\n"
        return text


def _counted(count: int, wait: float, first: float = 0.0, word: str = "말") -> tuple[Line, ...]:
    return tuple(Line(f"{word} {place}", wait if place > 1 else first) for place in range(1, count + 1))


TEN = Shape("ten", _counted(10, 0.0))
WAITS = Shape("waits", (Line("하나"), Line("둘", 0.3), Line("셋", 1.0), Line("넷", 0.5), Line("다섯", 0.3)))
ASK = Shape("ask", (Line("하나"), Line(QUESTION), Line("셋", 0.2), Line("넷"), Line("다섯", 0.4)), "reply", question=1)
YIELDS = Shape("yields", _counted(8, 0.3), "manager", ends=True)
QUICK_YIELDS = Shape("quick_yields", _counted(12, 0.0), "manager", ends=True)
STAYS = Shape("stays", _counted(6, 0.3), "manager", yields=False)
CLOSED = Shape("closed", _counted(8, 0.3), "close", ends=True, yields=False)
EFFECT = Shape("effect", _counted(3, 0.0), effects=True)
TWO = Shape("two", _counted(6, 0.2), "keyword", second=_counted(4, 0.0, word="뒷말"))
LONG = Shape("long", (Line("하나"), Line("둘", 90.0), Line("셋"), Line("넷", 0.3)))

EVERYDAY = (TEN, WAITS, ASK, YIELDS, QUICK_YIELDS, STAYS, CLOSED, EFFECT, TWO)
ALL = {shape.name: shape for shape in (*EVERYDAY, LONG)}
