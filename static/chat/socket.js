// The line to the relay: a ticket, a socket, and coming back without losing or doubling anything.

const AT_ONCE = 10; // said and not answered yet; the relay hears only so many a second
const ANSWER_MS = 8000; // whoever does not answer within it is gone

export class Line {
  constructor(company, address, { on, state, kept, keep }) {
    this.company = company;
    this.address = address;
    this.on = on; // by the type of a frame
    this.state = state; // "open", "lost", "out"
    this.keep = keep; // what is not said yet outlives a reload
    this.unsaid = new Map(kept.map((said) => [said.id, said])); // said here, not kept there yet
    this.given = new Set(); // of those, what this socket was given
    this.since = undefined; // the time of the last line we have
    this.failures = 0;
    this.socket = null;
    this.connecting = false;
    this.isWelcome = false;
  }

  async connect() {
    if (this.connecting || this.socket !== null) return;
    this.connecting = true;
    clearTimeout(this.timer);
    let answer;
    let ticket;
    try {
      answer = await fetch(`/chat/${this.company}/ticket`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (answer.ok) ({ ticket } = await answer.json());
    } catch {
      ticket = undefined; // the network is away, as it is when there is no ticket: try again later
    }
    this.connecting = false;
    if (answer?.status === 401) this.state("out");
    else if (!ticket) this.again();
    else this.open(ticket);
  }

  open(ticket) {
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.given.clear();
    this.expect();
    socket.addEventListener("open", () => {
      const hello = { type: "hello", ticket };
      if (this.since) hello.since = this.since;
      socket.send(JSON.stringify(hello));
    });
    socket.addEventListener("message", (event) => {
      if (this.socket === socket) this.heard(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (event.code === 4003) this.state("out");
      else this.again();
    });
  }

  heard(frame) {
    clearTimeout(this.watch);
    if (frame.type === "welcome") {
      this.failures = 0;
      this.isWelcome = true;
      this.state("open");
    } else if (frame.type === "line") {
      if (!this.since || frame.at > this.since) this.since = frame.at;
    } else if (frame.type === "kept" || frame.type === "no") {
      this.given.delete(frame.id);
      this.unsaid.delete(frame.id);
      this.keep([...this.unsaid.values()]);
    }
    this.on[frame.type]?.(frame);
    if (frame.type === "drain") this.leave();
    else this.pass();
  }

  // What waits, in its order, a few at a time.
  pass() {
    if (!this.isWelcome || this.socket?.readyState !== WebSocket.OPEN) return;
    for (const said of this.unsaid.values()) {
      if (this.given.size >= AT_ONCE) break;
      if (this.given.has(said.id)) continue;
      this.given.add(said.id);
      this.send({ type: "say", ...said });
    }
  }

  // To another relay, or because this one is dead and the browser has not noticed.
  leave() {
    const old = this.socket;
    this.socket = null;
    this.isWelcome = false;
    clearTimeout(this.watch);
    this.connect();
    old?.close();
  }

  expect() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      this.state("lost");
      this.leave();
    }, ANSWER_MS);
  }

  again() {
    this.isWelcome = false;
    clearTimeout(this.watch);
    this.state("lost");
    this.failures += 1;
    const pause = Math.min(500 * 2 ** Math.min(this.failures - 1, 6), 20000) * (0.5 + Math.random());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), pause);
  }

  // The person is back, or the network: see whether the line still is.
  now(to) {
    if (this.socket === null) this.connect();
    else this.ask({ type: "history", to });
  }

  say(to, text) {
    const said = { id: crypto.randomUUID(), to, text };
    this.unsaid.set(said.id, said);
    this.keep([...this.unsaid.values()]);
    this.pass();
    return said;
  }

  // False: there is nobody to ask just now.
  ask(frame) {
    if (!this.isWelcome || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.send(frame);
    return true;
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
    this.expect();
  }
}
