"""Mail, as a real mail server gets it: from modules, from employees, from the console and the shell."""

import base64
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from channels import email
from channels.contract import Outbound, SendError
from tests.browsing import Person
from tests.house import SURVEY, House, eventually, opened
from tests.planting import unpacked
from tests.post_office import PATIENCE, PostOffice, authority, post_office

LOGIN = ("maru@example.kr", "비밀번호-9f3c")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def office(certificates: Path) -> Iterator[PostOffice]:
    with post_office("starttls", certificates, LOGIN) as made:
        yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, certificates: Path, office: PostOffice) -> Iterator[House]:
    settings = office.settings(SEND_MAIL=LOGIN[0], SEND_PASSWORD=LOGIN[1], RECEIVE_MAIL="ops@example.kr")
    trust = {"SSL_CERT_FILE": str(authority(certificates))}
    with opened(House(tmp_path_factory.mktemp("mail"), **settings, **trust)) as made:
        yield made


@pytest.fixture(scope="module")
def plain_office(certificates: Path) -> Iterator[PostOffice]:
    with post_office("none", certificates) as made:
        yield made


def keys(office: PostOffice, **more: str) -> dict[str, str]:
    told = {"smtp_url": "localhost", "smtp_port": str(office.port), "smtp_tls": office.tls}
    return {**told, "send_mail": "maru@example.kr", "site": "http://127.0.0.1:8000", **more}


def sent(office: PostOffice, body: dict[str, Any], to: str = "", **more: str) -> EmailMessage:
    to = to or f"{secrets.token_hex(4)}@example.kr"
    email.send(keys(office, **more), Outbound(to, "", body, "maru-key"), body, lambda: True)
    return office.to(to)[0]


def page_of(letter: EmailMessage) -> str:
    body = letter.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def words_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).strip().replace("\r\n", "\n")


# --- the letter ---


def test_korean_subjects_and_names_arrive_as_they_were_written(plain_office: PostOffice) -> None:
    subject = "[인사팀] 올해 안에 꼭 쓰셔야 하는 연차가 남아 있어요, 확인 부탁드려요 🙏 그리고 한 가지 더 안내해요"
    names = ["2026년 상반기 연차 사용 현황 및 촉진 대상자 명단 (최종) v2.xlsx", 'a;b "c".txt']
    files = [{"name": name, "content_type": "application/pdf", "content": "7ZWY"} for name in names]
    body = {"text": "가\n.\n..나", "subject": subject, "attachments": files}
    letter = sent(plain_office, body, sender='마루 "공식" 알림, 인사팀 (주)')
    assert letter["subject"] == subject
    assert letter["from"].addresses[0].display_name == '마루 "공식" 알림, 인사팀 (주)'
    assert [part.get_filename() for part in letter.iter_attachments()] == names
    assert [part.get_content() for part in letter.iter_attachments()] == [base64.b64decode("7ZWY")] * 2
    assert words_of(letter).splitlines() == ["가", ".", "..나"]
    assert (letter["message-id"], letter["auto-submitted"]) == ("<maru-key@example.kr>", "auto-generated")
    assert not letter.defects


@pytest.mark.parametrize("part", ["subject", "sender", "name", "content_type"])
def test_no_words_become_a_header(plain_office: PostOffice, part: str) -> None:
    evil = "x\r\nBcc: thief@example.kr\n\n<b>body</b>"
    file = {"name": "a.txt", "content": "eA==", **({part: evil} if part in ("name", "content_type") else {})}
    body = {"text": "하나", "attachments": [file], **({part: evil} if part in ("subject", "sender") else {})}
    letter = sent(plain_office, body)
    assert letter["bcc"] is None and words_of(letter) == "하나"
    assert all(part["bcc"] is None for part in letter.walk())


@pytest.mark.parametrize("to", ["a@example.kr\r\nRCPT TO:<b@example.kr>", "a@example.kr>", "<a@example.kr", "하늘", ""])
def test_what_is_no_address_is_never_said_to_the_server(plain_office: PostOffice, to: str) -> None:
    before = len(plain_office.letters)
    with pytest.raises(SendError) as refused:
        sent(plain_office, {"text": "하나"}, to=f"{to} ")
    assert refused.value.permanent and len(plain_office.letters) == before


def test_our_markup_becomes_a_page_and_plain_words(plain_office: PostOffice) -> None:
    text = '<b>안녕</b> 김&lt;하늘&gt; :wave:\n<link type="url" value="https://a.kr/?a=1&amp;b=2">여기</link>'
    text += '<link type="url" value="javascript:alert(1)">저기</link>'
    letter = sent(plain_office, {"text": text, "buttons": [{"title": "보기", "url": "https://b.kr"}]})
    assert "<b>안녕</b> 김&lt;하늘&gt; 👋<br>" in page_of(letter) and "javascript" not in page_of(letter)
    assert '<a href="https://a.kr/?a=1&amp;b=2">여기</a>' in page_of(letter)
    assert words_of(letter).startswith("안녕 김<하늘> 👋\n여기 (https://a.kr/?a=1&b=2)")
    assert letter["subject"] == "안녕 김<하늘> 👋"


# --- the conversation with the server ---


def test_a_certificate_of_nobody_we_know_ends_the_conversation(office: PostOffice) -> None:
    with pytest.raises(SendError) as refused:
        sent(office, {"text": "하나"}, send_password=LOGIN[1])
    assert "certificate" in refused.value.reason
    assert not refused.value.permanent and not refused.value.unclear


def test_a_worker_that_lost_its_right_to_send_leaves_nothing_behind(plain_office: PostOffice) -> None:
    before = len(plain_office.letters)
    out = Outbound("late@example.kr", "", {"text": "하나"}, "maru-key")
    with pytest.raises(email.NotSent):
        email.send(keys(plain_office), out, out.body, lambda: False)
    sent(plain_office, {"text": "둘"})
    assert len(plain_office.letters) == before + 1


# --- from a module ---


def mailed(house: House, to: str, name: str = "김하늘", html: str = "") -> str:
    """A customer gets two messages, and then somebody a mail. Returns the chat."""
    tag = f"m{secrets.token_hex(4)}"
    page = f"\n    html: '{html}'" if html else ""
    house.module(
        f"module: {tag}\norder: 1\nstarts:\n  - {{on: chat_opened, tags: [{tag}]}}\n"
        "survey:\n  name: {type: text, label: 이름, default: 고객}\nmessages:\n"
        "  - {text: 하나, wait: 0}\n  - {text: 둘, wait: 0}\n"
        f"effects:\n  mail:\n    to: '{to}'\n    subject: '{{{{ name }}}}님 설문'\n"
        f"    text: '<b>{{{{ name }}}}</b>님이 설문을 마쳤어요.'{page}\n"
    )
    return house.open_chat({**SURVEY, "name": name}, tags=[tag])


def the_mail(house: House, to: str, state: str) -> dict[str, Any]:
    def found() -> Any:
        return next((row for row in house.deliveries(to) if row["state"] == state), None)

    row: dict[str, Any] = eventually(found, f"the mail to {to} is {state}", PATIENCE)
    return row


def test_a_modules_mail_follows_its_last_message(house: House, office: PostOffice) -> None:
    to = f"team-{secrets.token_hex(4)}@example.kr"
    chat = mailed(house, f"{to}, second-{to}", "<i>하늘</i>", '<p title="{{ name }}">{{ name }}</p>')
    (letter,) = office.to(to)
    assert house.told(chat) == ["하나", "둘"]
    assert letter["subject"] == "<i>하늘</i>님 설문" and words_of(letter) == "<i>하늘</i>님이 설문을 마쳤어요."
    assert '<p title="&lt;i&gt;하늘&lt;/i&gt;">&lt;i&gt;하늘&lt;/i&gt;</p>' in page_of(letter)
    assert office.to(f"second-{to}")
    assert the_mail(house, to, "sent")["text"] == "<i>하늘</i>님이 설문을 마쳤어요."


def test_an_address_that_nobody_has_kills_the_mail_with_the_servers_words(house: House) -> None:
    to = f"unknown-{secrets.token_hex(4)}@example.kr"
    mailed(house, to)
    assert the_mail(house, to, "dead")["reason"] == "the mail server answered 550: 5.1.1 No such user here"


def test_a_customers_words_reach_one_address_at_most(house: House, office: PostOffice) -> None:
    mailed(house, "{{ name }}", "a@example.kr,b@example.kr")
    row = the_mail(house, "a@example.kr b@example.kr", "dead")
    assert row["reason"] == "the address to write to is no e-mail address"
    assert not [to for to, _ in office.letters if to in ("a@example.kr", "b@example.kr")]


def test_a_server_that_is_busy_gets_the_mail_a_little_later(house: House, office: PostOffice) -> None:
    to = f"busy-{secrets.token_hex(4)}@example.kr"
    mailed(house, to)
    the_mail(house, to, "sent")
    assert len(office.to(to)) == 1


def test_a_mail_of_which_nobody_knows_is_repeated_once_under_one_id(house: House, office: PostOffice) -> None:
    to = f"mute-{secrets.token_hex(4)}@example.kr"
    mailed(house, to)
    first, second = office.to(to, 2)
    assert first["message-id"] == second["message-id"]
    assert the_mail(house, to, "sent")["reason"] == "may have arrived twice"


def test_when_a_manager_takes_over_the_mail_is_cancelled_with_the_series(house: House, office: PostOffice) -> None:
    to, tag = f"never-{secrets.token_hex(4)}@example.kr", f"m{secrets.token_hex(4)}"
    house.module(
        f"module: {tag}\norder: 1\nstarts:\n  - {{on: chat_opened, tags: [{tag}]}}\nmessages:\n  - text: 하나\n"
        f"  - {{text: 둘, wait: 3600}}\neffects: {{mail: {{to: {to}, subject: 가, text: 나}}}}\n"
    )
    chat = house.open_chat(SURVEY, tags=[tag])
    house.wait(chat, 1)
    house.say(chat, "제가 볼게요", who="manager")
    assert the_mail(house, to, "cancelled")["reason"] == "a manager wrote"


@pytest.mark.parametrize(
    ("mail", "wrong"),
    [
        ("{subject: 가, text: 나}", "The mail has no 'to'"),
        ("{to: 하늘, subject: 가, text: 나}", "'하늘' is no e-mail address"),
        ("{to: a@b.kr, subject: 가, txt: 나}", "'mail' has no 'txt'"),
        ("{to: a@b.kr, subject: '{{ nam }}', text: 나}", "Nothing is named 'nam'"),
        ("{to: a@b.kr, subject: 가, text: '<b>나'}", "'<b>' has no partner"),
    ],
)
def test_a_mail_that_cannot_be_is_told_by_the_check(house: House, mail: str, wrong: str) -> None:
    path = house.folder / "wrong.yaml"
    path.write_text(f"module: wrong\nmessages:\n  - text: 하나\neffects:\n  mail: {mail}\n", encoding="utf8")
    told = house.flask("responses", "check", str(path), parse=False, code=1)
    assert f"wrong.yaml:5: {wrong}" in told.stderr


def test_no_address_is_in_a_log_line_or_in_redis(house: House, office: PostOffice) -> None:
    who = secrets.token_hex(6)
    for to in (f"{who}@example.kr", f"busy-{who}@example.kr", f"unknown-{who}@example.kr"):
        mailed(house, to)
    for to, state in ((who, "sent"), (f"busy-{who}", "sent"), (f"unknown-{who}", "dead")):
        the_mail(house, f"{to}@example.kr", state)
    assert who not in house.log()
    journal = b"".join(path.read_bytes() for path in house.folder.rglob("*.aof"))
    assert journal and who.encode() not in unpacked(journal)


# --- from the console and the shell ---


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    return Person(house, "admin")


def profile(office: PostOffice, name: str, **more: str) -> dict[str, str]:
    told = {"host": "localhost", "port": str(office.port), "tls": office.tls, "address": "hr@example.kr"}
    return {"name": name, **told, "sender": "인사팀", "login": "", "password": "", **more}


def test_an_admin_makes_a_profile_and_sees_its_test_mail_go(house: House, admin: Person, certificates: Path) -> None:
    http, password = admin.session(), secrets.token_hex(12)
    with post_office("ssl", certificates, ("hr-login", password)) as office:
        form = profile(office, "인사팀", login="hr-login", password=password)
        assert http.post(f"{house.url}/console/mail", data=form, timeout=30).status_code == 200
        http.post(f"{house.url}/console/mail/인사팀/test", data={"to": "kim@example.kr"}, timeout=30)
        (letter,) = office.to("kim@example.kr")
        assert str(letter["from"]) == "인사팀 <hr@example.kr>" and "시험 메일" in letter["subject"]

        def shown() -> Any:
            page = http.get(f"{house.url}/console/mail", timeout=30).text
            return page if 'badge ok">보냈어요' in page and "kim@example.kr" in page else ""

        page = eventually(shown, "the page says that it went")
    assert password not in page and password.encode() not in (house.folder / "maru.sqlite3").read_bytes()
    assert password not in http.get(f"{house.url}/console/staff/audit", timeout=30).text
    moved = http.post(
        f"{house.url}/console/mail/인사팀", data=form | {"host": "evil.example", "password": ""}, timeout=30
    )
    assert moved.status_code == 400 and "비밀번호를 다시 적어 주세요" in moved.text
    http.post(f"{house.url}/console/mail/인사팀/remove", timeout=30)


def test_only_admins_see_the_mail_page(house: House) -> None:
    http = Person(house, "publisher").session()
    assert http.get(f"{house.url}/console/mail", timeout=30).status_code == 403
    assert http.post(f"{house.url}/console/mail/default/test", data={"to": "a@b.kr"}, timeout=30).status_code == 403


def test_mail_has_no_hook(house: House) -> None:
    assert house.http.post(f"{house.url}/hooks/email", data=b"{}", timeout=30).status_code == 404


def test_doctor_says_what_became_of_a_test_mail_by_every_profile(
    house: House, admin: Person, office: PostOffice
) -> None:
    http = admin.session()
    http.post(f"{house.url}/console/mail", data=profile(office, "wrong", login="nobody", password="x"), timeout=30)
    before = len([to for to, _ in office.letters if to == "ops@example.kr"])
    told = {one["name"]: one for one in house.flask("doctor", "--mail", code=1)["checks"]}
    http.post(f"{house.url}/console/mail/wrong/remove", timeout=30)
    assert told["mail default"]["ok"] and "took a test mail to ops@example.kr" in told["mail default"]["detail"]
    assert not told["mail wrong"]["ok"] and "answered 535" in told["mail wrong"]["detail"]
    assert len(office.to("ops@example.kr")) == before + 1
    told = {one["name"]: one for one in house.flask("doctor", code=None)["checks"]}
    assert re.search(r"localhost:\d+ \(starttls\) answers, and lets us in", told["mail default"]["detail"])


# --- from an employee ---


def reply(house: House, room: str, words: str) -> dict[str, Any]:
    """What the bot said with these words in it; it may greet, too."""

    def said() -> Any:
        rows = house.control("webex/rooms")["rooms"][room]["messages"]
        return next((row for row in rows if row["bot"] and words in str(row.get("text"))), None)

    found: dict[str, Any] = eventually(said, f"the bot says {words}")
    return found


def test_an_employee_mails_a_colleague_by_name(house: House, office: PostOffice) -> None:
    mark = secrets.token_hex(4)
    me = house.employee(f"me-{mark}@example.kr", f"김{mark}", "개발팀")
    to = house.employee(f"to-{mark}@example.kr", f"이{mark}", "인사팀")
    room = house.write(me, f"/메일 이{mark}님에게 회의 자료 | <b>내일</b> 봐요")
    (letter,) = office.to(to)
    assert letter["subject"] == "회의 자료" and words_of(letter).startswith("<b>내일</b> 봐요")
    assert letter["reply-to"] == me and letter["from"].addresses[0].display_name == f"김{mark} (마루)"
    assert to in reply(house, room, "메일을 보낼게요")["text"]


def test_of_two_colleagues_with_one_name_the_employee_chooses(house: House, office: PostOffice) -> None:
    mark = secrets.token_hex(4)
    me = house.employee(f"me-{mark}@example.kr", f"김{mark}", "개발팀")
    for team in ("인사팀", "개발팀"):
        house.employee(f"{team == '개발팀'}-{mark}@example.kr".lower(), f"이{mark}", team)
    room = house.write(me, f"/메일 이{mark} 회의 | 내일 봐요")
    asked = reply(house, room, "어느 분에게 보낼까요?")
    house.press(me, asked["id"], f"이{mark} (개발팀)")
    assert office.to(f"true-{mark}@example.kr")[0]["subject"] == "회의"
    assert not [to for to, _ in office.letters if to == f"false-{mark}@example.kr"]


def test_wrong_uses_are_answered_with_what_to_do_and_nothing_goes_out(house: House, office: PostOffice) -> None:
    mark = secrets.token_hex(4)
    me = house.employee(f"me-{mark}@example.kr", f"김{mark}", "개발팀")
    to = house.employee(f"to-{mark}@example.kr", f"이{mark}", "인사팀")
    wrong = {
        "/메일": "받는 사람과 제목",
        f"/메일 이{mark} 회의 자료 내일 봐요": "받는 사람과 제목",
        f"/메일 이{mark} | ": "받는 사람과 제목",
        f"/메일 없는{mark} 회의 | 내일 봐요": "그런 동료를 찾지 못했어요",
        f"/메일 {mark}@nowhere.kr 회의 | 내일 봐요": "그런 동료를 찾지 못했어요",
        f"/메일 [없음] 이{mark} 회의 | 내일 봐요": "메일 프로필은",
    }
    room = [house.write(me, said) for said in wrong][-1]
    told = [str(one["text"]) for one in house.replies(room, len(wrong))]
    for said, answer in zip(told, wrong.values(), strict=True):
        assert answer in said
    assert not [one for one, _ in office.letters if one == to]


def test_a_long_mail_with_breaks_in_its_subject_goes_out_whole(house: House, office: PostOffice) -> None:
    mark = secrets.token_hex(4)
    me = house.employee(f"me-{mark}@example.kr", f"김{mark}")
    to = house.employee(f"to-{mark}@example.kr", f"이{mark}")
    text = "가나다라마 바사아자\n" * 240  # about as long as Webex lets anybody write
    house.write(me, f"/메일 이{mark} 회의\r\nBcc: thief@example.kr\n\n | {text}")
    (letter,) = office.to(to)
    assert letter["subject"] == "회의 Bcc: thief@example.kr" and letter["bcc"] is None
    assert words_of(letter).startswith(text.strip())
    assert not [one for one, _ in office.letters if one == "thief@example.kr"]


# --- from the clock ---


@pytest.mark.slow
def test_the_summary_of_a_month_is_a_mail_with_its_subject(
    tmp_path: Path, certificates: Path, plain_office: PostOffice
) -> None:
    settings = plain_office.settings(SEND_MAIL="maru@example.kr", RECEIVE_MAIL="boss@example.kr")
    house = House(tmp_path, **settings)
    moment = datetime.fromisoformat("2027-01-04T09:00:01+09:00")  # the first working day of the month
    house.move_clock((moment - datetime.now(moment.tzinfo)).total_seconds())
    try:
        house.open()
        (letter,) = plain_office.to("boss@example.kr")
    finally:
        house.close()
    assert letter["subject"] == "2027년 1월 TG day"
    assert "이달에 등록된 TG day가 없어요." in words_of(letter) and "<b>2027년 1월 TG day</b>" in page_of(letter)
