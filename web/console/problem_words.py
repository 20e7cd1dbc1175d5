"""The check's sentences in Korean, for people who do not read English."""

import re

from responses.korean import josa
from web.front import language

_KINDS = {
    "a number": "숫자",
    "a text": "글",
    "true or false": "예/아니요",
    "a list": "목록",
    "a date": "날짜",
    "a time": "시각",
    "a row": "표의 한 줄",
    "null": "null(값 없음)",
    "anything": "무엇이든",
    "this part": "이 부분",
}
_KIND = "|".join(sorted(_KINDS, key=len, reverse=True))
# A sentence of the check as a pattern ({} is any word, {kind} one of the kinds), and how it is said in Korean.
_SENTENCES = """
Nothing is named '{}' | '{0}'(이)라는 이름이 없어요
Did you mean '{}'? | 혹시 '{0}'인가요?
nothing is named '{}' | '{0}'(이)라는 이름이 없어요
Names come from 'survey:' and 'values:'; texts need quotes. | 설문 항목이나 값의 이름을 쓰고, 글은 따옴표로 감싸 주세요.
'{}' is computed further down | '{0}'은(는) 더 아래에서 계산돼요
Move it above, or move '{}' (line {}) up. | 이 값을 아래로, 또는 '{0}'을(를) 위로 옮겨 주세요.
'{}' is a function | '{0}'은(는) 함수예요
Call it: {}(…) | 괄호를 붙여 {0}(…)처럼 써 주세요.
'{}' is a function already | '{0}'은(는) 이미 함수 이름이에요
'{}' is a survey key already | '{0}'은(는) 이미 설문 항목의 이름이에요
'{}' is a group of a regular expression already | '{0}'은(는) 이미 정규식의 묶음 이름이에요
Use another name. | 다른 이름을 써 주세요.
There is no expression | 계산식이 비어 있어요
Write one, such as: weight * 2 | 예: weight * 2
'{}' is not expected here | '{0}'이(가) 여기에 있으면 안 돼요
Put an operator before it, or take it out. | 앞에 + 같은 기호를 넣거나 지워 주세요.
This is no expression or text of the language: {} | 읽을 수 없는 식이에요: {0}
There is no function '{}' | '{0}'(이)라는 함수가 없어요
The console's help lists all functions. | '함수 도움말'에 모든 함수가 있어요.
There is no filter '{}' | '{0}'(이)라는 필터가 없어요
There is no table '{}' | '{0}'(이)라는 표가 없어요
there is no table '{}' | '{0}'(이)라는 표가 없어요
Import it: {} | '표' 화면에서 올려 주세요.
{} has no column '{}' | {0}에는 '{1}' 칸이 없어요
The table '{}' has no column '{}' and no '{}_min' with '{}_max' | 표 '{0}'에는 '{1}' 칸이 없어요
It has: {}. | 있는 칸: {0}.
There are: {}. | 쓸 수 있는 것: {0}.
No row of '{}' has '{}' in '{}' | 표 '{0}'의 '{2}' 칸에 '{1}'이(가) 없어요
The look-up will always be null. | 찾아도 늘 null이에요.
lookup needs the table's name{}| lookup에는 표의 이름이 필요해요
Such as: {} | 예: {0}
{} has no option '{}' | {0}의 보기에 '{1}'이(가) 없어요
{} is {kind}, and '{}' needs numbers | {0}은(는) {1}인데, '{2}'에는 숫자가 필요해요
Join texts with ~. | 글을 이을 때는 ~ 를 써 주세요.
Use a number, or give the key the type number. | 숫자를 쓰거나, 설문 항목의 종류를 숫자로 바꿔 주세요.
{} is {kind}, not a number | {0}은(는) {1}이고 숫자가 아니에요
{} is {kind} and {} is {kind}: they are never equal | {0}은(는) {1}, {2}은(는) {3}이라서 같을 수 없어요
{} is {kind} and {} is {kind}: '{}' cannot compare them | {0}은(는) {1}, {2}은(는) {3}이라서 '{4}'로 비교할 수 없어요
Take the quotes off the number. | 숫자의 따옴표를 떼 주세요.
Compare alike things. | 같은 종류끼리 비교해 주세요.
{} is {kind} and has no '{}' | {0}은(는) {1}이라서 '{2}'이(가) 없어요
{} is {kind} and has no parts | {0}은(는) {1}이라서 부분이 없어요
Only rows have columns. | 칸은 표의 한 줄에만 있어요.
{} needs {kind}, and {} is {kind} | {0}에는 {1}이(가) 필요한데, {2}은(는) {3}이에요
{} needs {kind} for '{}', and this is {kind} | {0}의 '{2}'에는 {1}이(가) 필요한데, 여기는 {3}이에요
{} needs {kind}, and this is {} | {0}에는 {1}이(가) 필요한데, 여기는 {2}이에요
Take '| {}' off. | '| {0}'을(를) 떼 주세요.
Look at the type of the survey key, or at the order of the arguments. | 설문 항목의 종류나 괄호 안의 순서를 살펴봐 주세요.
Look at its arguments in the help. | '함수 도움말'에서 쓰는 법을 살펴봐 주세요.
It is called as {}. | 이렇게 써요: {0}
josa does not know '{}' | '{0}' 조사는 몰라요
A loop needs a list, and this is {kind} | 반복에는 목록이 필요한데, 여기는 {0}이에요
null cannot stand beside '{}' | null은 '{0}' 옆에 올 수 없어요
one side of '{}' is null (there is no value) | '{0}'의 한쪽이 null이에요 (값이 없어요)
'{}' does not work between {} and {} | '{0}'은(는) 이 둘 사이에 쓸 수 없어요
division by zero | 0으로 나누었어요
{}: division by zero | {0}: 0으로 나누었어요
Use a number. | 숫자를 써 주세요.
This message can never be said: {} | 이 메시지는 어떤 설문에서도 말하지 않아요: {0}
No survey can make the condition true: mend it, or take the message out. | 조건을 고치거나 메시지를 지워 주세요.
A condition never holds | 맞을 수 없는 조건이 있어요
No survey can make it true here: mend it, or take this branch out. | 조건을 고치거나 이 갈래를 지워 주세요.
An 'else' is never reached | 'else'까지 가는 일이 없어요
The conditions before it cover every survey: take it out. | 앞의 조건이 모든 설문에 맞아요. 지워 주세요.
'{}' is no tag of ChannelTalk | '{0}'은(는) 채널톡의 꾸미기가 아니에요
Tags are {}; write &lt; for the sign <. | <b>, <i>, <link>만 쓸 수 있어요. < 글자는 &lt; 로 써 주세요.
'{}' has no partner | '{0}'의 짝이 없어요
Close every tag in the same text {} | 연 태그는 같은 글 안에서, 나중에 연 것부터 닫아 주세요.
'{}' is no address for a link | '{0}'은(는) 링크 주소가 아니에요
Links begin with {} | https://, http://, mailto:, tel: 로 시작해야 해요.
'{}' is no web address | '{0}'은(는) 웹 주소가 아니에요
Write the whole address, beginning with https:// | https:// 로 시작하는 주소 전체를 써 주세요.
The mail has no 'to' | 메일을 받는 사람이 없어요
Add 'to: …'. | 이메일 주소를 써 주세요.
The mail has no 'subject' | 메일의 제목이 없어요
Add 'subject: …'. | 제목을 써 주세요.
The mail has no 'text' | 메일의 내용이 없어요
'{}' is no e-mail address | '{0}'은(는) 이메일 주소가 아니에요
Write whole addresses, with commas between them. | 주소 전체를 쓰고, 여러 명이면 쉼표로 나눠 주세요.
The mail has more than {} addresses | 메일을 받는 사람이 {0}명보다 많아요
Use a mailing list's address. | 여러 사람이 함께 받는 주소를 써 주세요.
'{}' cannot be a mail profile's name | '{0}'은(는) 메일 프로필의 이름이 될 수 없어요
Take one from the console. | '메일' 화면에 있는 이름을 골라 주세요.
Nothing starts this module | 이 응답을 시작하는 때가 없어요
Add 'starts:' {} | '시작하는 때'를 더해 주세요.
'{}' starts nothing | '{0}'(으)로는 시작하지 않아요
The module says nothing | 말하는 메시지가 없어요
Add 'messages:' {} | 메시지를 하나 이상 더해 주세요.
This message has no text | 메시지가 비어 있어요
Add 'text: …'. | 글을 써 주세요.
'ask: {}' names no key of the survey | '{0}'(이)라는 설문 항목이 없어서 물어볼 수 없어요
Add it under 'survey:'. | 설문 항목에 더해 주세요.
'{}' is asked for twice | '{0}'을(를) 두 번 물어봐요
Ask once. | 한 번만 물어봐 주세요.
The question for '{}' uses '{}' | '{0}'을(를) 묻는 말이 아직 모르는 '{1}'을(를) 써요
Take it out of the question and its condition. | 질문과 조건에서 빼 주세요.
The message in line {} needs the reply to this question | {0}번째 줄의 메시지에 이 질문의 대답이 필요해요
It is asked before that message; move 'ask: {}' above it to show so. | 그 메시지보다 먼저 물어봐요. 질문을 위로 옮겨 주세요.
'incomplete' cannot ask | 설문이 모자랄 때의 메시지는 물어볼 수 없어요
'{}' cannot be a name | '{0}'은(는) 이름으로 쓸 수 없어요
Use letters, digits and _, {} | 글자로 시작하고 글자·숫자·_ 만 쓸 수 있어요.
'{}' has a meaning in the language already | '{0}'은(는) 이미 뜻이 있는 말이에요
'{}' is written twice | '{0}'이(가) 두 번 있어요
It is already there in line {}; keep one of them. | {0}번째 줄에 이미 있어요. 하나만 남겨 주세요.
'{}' has no type | '{0}'의 종류가 없어요
The choice '{}' has no options | '{0}'의 보기가 없어요
Add 'options: {} | 보기를 한 줄에 하나씩 써 주세요.
The options '{}' and '{}' are the same | 보기 '{0}'과(와) '{1}'이(가) 같아요
The default '{}' does not fit '{}' | 없을 때 쓸 값 '{0}'이(가) '{1}'에 맞지 않아요
Use a {} that the key itself would accept, or null. | 이 항목에 적을 수 있는 값으로 바꾸거나 비워 주세요.
'{}' has a min above its max | '{0}'의 가장 작은 값이 가장 큰 값보다 커요
Swap them. | 서로 바꿔 주세요.
A {} has no '{}' | 이 종류에는 '{1}'을(를) 쓸 수 없어요
Only number and integer have one. | 숫자와 정수에만 있어요.
'{}' has to be a number | '{0}'은(는) 숫자여야 해요
Write '{}: 2', without quotes. | 숫자만 써 주세요.
'{}: {}' is out of bounds | '{1}'은(는) 쓸 수 있는 범위를 벗어났어요
Use {} to {}. | {0}에서 {1} 사이로 써 주세요.
'{}: {}' is not known | '{1}'은(는) 쓸 수 없는 말이에요
{} has no '{}' | '{1}'은(는) 여기에 쓸 수 없는 항목이에요
A button has no title | 버튼의 글자가 없어요
A button has no url | 버튼의 주소가 없어요
The button title '{}' is empty | 버튼의 글자가 없어요
The button title '{}' is {} characters long | 버튼 글자가 {1}자예요
Use 1 to {} characters. | 1~{0}자로 써 주세요.
A message has {} buttons | 버튼이 {0}개예요
Keep two of them; more do not fit below a message. | 두 개만 남겨 주세요.
'{}' is no regular expression: {} | '{0}'은(는) 읽을 수 없는 정규식이에요
'{}' is no channel | '{0}'(이)라는 채널은 없어요
This is not YAML: {} | YAML로 읽을 수 없어요: {0}
Look at the indentation, and put texts with : {{ [ # or % into quotes. | 들여쓰기를 살피고, : {{ [ # % 가 든 글은 따옴표로 감싸 주세요.
A module begins with 'module: name' | 맨 위에 'module: 이름'이 있어야 해요
this takes longer than 100 ms of computing | 계산이 너무 오래 걸려요 (0.1초 넘음)
"""  # noqa: E501 (a sentence and its translation stand on one line)


def _pattern(english: str) -> re.Pattern[str]:
    whole = re.escape(english.replace("{{", "{")).replace(r"\{kind\}", f"({_KIND})").replace(r"\{\}", "(.*?)")
    return re.compile(whole, re.DOTALL)


_PAIRS = [row.rsplit(" | ", 1) if " | " in row else row.rsplit("| ", 1) for row in _SENTENCES.strip().split("\n")]
_COMPILED = [(_pattern(english.strip()), korean) for english, korean in _PAIRS]


def said(sentence: str) -> str:
    """In the reader's language; a sentence that nobody translated stays as it is."""
    if language() != "ko":
        return sentence
    for pattern, korean in _COMPILED:
        found = pattern.fullmatch(sentence)
        if found:
            return _particles(korean.format(*(_KINDS.get(word, word) for word in found.groups())))
    return sentence


_EITHER = re.compile(r"(\S+?)(은\(는\)|이\(가\)|을\(를\)|과\(와\)|\(이\)라는|\(으\)로)")
_PAIR = {"은(는)": "은/는", "이(가)": "이/가", "을(를)": "을/를", "과(와)": "과/와", "(으)로": "으로/로"}


def _particles(sentence: str) -> str:
    """은(는) and the like, as the word before them wants it."""
    return _EITHER.sub(lambda found: josa(found[1], _PAIR[found[2]]) if found[2] in _PAIR else found[0], sentence)
