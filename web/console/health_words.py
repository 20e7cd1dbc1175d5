"""Health in words. A part: its name, what it says when all is well, what when it is not; Korean, then English."""

Words = tuple[str, str]

PARTS: dict[str, tuple[Words, Words, Words]] = {
    "database": (
        ("기록 보관", "Records"),
        ("기록하고 있어요.", "Records everything."),
        ("기록에 문제가 있어요. 그동안 온 일은 비상 보관함에 있어요.",
         "In trouble. What comes in goes to the emergency store."),
    ),
    "redis": (
        ("빠른 호출", "Quick ring"),
        ("바로 깨우고 있어요.", "Wakes the workers at once."),
        ("대답이 없어요. 답변 담당이 1초마다 스스로 살펴보니 잃는 것은 없어요.",
         "Away. Workers look by themselves every second; nothing is lost."),
    ),
    "spool": (
        ("비상 보관함", "Emergency store"),
        ("비어 있어요.", "Empty."),
        ("아직 옮기지 못한 연락이 있어요.", "Calls wait to be recorded."),
    ),
    "worker": (
        ("답변 담당", "Answering"),
        ("일하고 있어요.", "At work."),
        ("아무도 없어요. 답이 나가지 않아요. make run 이나 systemctl start maru.target 으로 시작해 주세요.",
         "Nobody is there: no answer goes out. Start it: make run, or systemctl start maru.target."),
    ),
    "clock": (
        ("시계", "Clock"),
        ("가고 있어요.", "Ticking."),
        ("멈춰 있어요. 예약과 정리가 밀려요. make run 이나 systemctl start maru.target 으로 시작해 주세요.",
         "Stopped: schedules wait. Start it: make run, or systemctl start maru.target."),
    ),
    "queue": (
        ("대기줄", "Queue"),
        ("밀리지 않았어요.", "Keeps up."),
        ("오래 기다리는 일이 있어요.", "Something has waited for long."),
    ),
    "deliveries": (
        ("메시지 발송", "Messages"),
        ("제때 나가고 있어요.", "On time."),
        ("늦거나, 여러 번 해도 나가지 않는 메시지가 있어요. 오늘 화면에서 까닭을 볼 수 있어요.",
         "Some are late or were tried in vain. Today tells why."),
    ),
    "channeltalk": (
        ("채널톡", "ChannelTalk"),
        ("이어져 있어요.", "Connected."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "webex": (
        ("웹엑스", "Webex"),
        ("이어져 있어요.", "Connected."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "telegram": (
        ("텔레그램", "Telegram"),
        ("이어져 있어요.", "Connected."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "google_chat": (
        ("구글 챗", "Google Chat"),
        ("이어져 있어요.", "Connected."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "sns": (
        ("아마존 SNS", "Amazon SNS"),
        ("알람을 기다리고 있어요.", "Waiting for alarms."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "search": (
        ("서비스 검색", "Service search"),
        ("찾을 준비가 됐어요.", "Ready to search."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
    "elasticsearch": (
        ("엘라스틱서치", "Elasticsearch"),
        ("대답하고 있어요.", "Answers."),
        ("대답이 없어요. 그동안 내장 검색이 대신 찾아요.", "Away. The embedded index answers meanwhile."),
    ),
    "email": (
        ("메일", "Mail"),
        ("보낼 수 있어요.", "Ready to send."),
        ("살펴봐 주세요.", "Needs a look."),
    ),
}  # fmt: skip

PROCESSES: dict[str, Words] = {
    "web": ("웹", "Web"),
    "worker": ("답변 담당", "Worker"),
    "clock": ("시계", "Clock"),
    "relay": ("봇 연결", "Relay"),
}

ERRANDS: dict[str, Words] = {
    "backtest": ("지난 설문으로 견주기", "Backtest"),
    "sheet": ("표 읽기", "Reading a sheet"),
    "mail": ("시험 메일", "Test mail"),
}
