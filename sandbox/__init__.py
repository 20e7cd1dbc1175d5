"""Stand-ins for the platforms, reached over HTTP on loopback: demo, test bench and training room at once.

The product does not know that this exists, and nothing here imports the product. One asyncio process holds
everything in memory: a fake that must hang up half-way through an answer has to own its connections, and a
single thread needs no lock around the chats.

    server.py              HTTP/1.1, with the bad manners that the fault dial asks for
    record.py              what happened, in order, and waiting for it
    faults.py              which call gets which fault
    channeltalk.py         the ChannelTalk API; chats, markup rules and webhooks in channeltalk_*.py
    control.py             /sandbox/…: what tests and the page drive
    page.py  static/       the page for people
"""
