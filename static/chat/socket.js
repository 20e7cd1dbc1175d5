// The line to the relay: a ticket, a socket, and coming back without losing or doubling anything.

export class Line {
  constructor(company, address, { on, state }) {
    this.company = company;
    this.address = address;
    this.on = on; // by the type of a frame
    this.state = state; // "open", "lost", "out"
    this.unsaid = new Map(); // what was said and not kept yet, by its id
    this.since = undefined; // the time of the last line we have
    this.failures = 0;
    this.socket = null;
  }

  async connect() {
    let ticket;
    try {
      const answer = await fetch(`/chat/${this.company}/ticket`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
      if (answer.status === 401) return this.state("out");
      if (!answer.ok) throw new Error(answer.status);
      ({ ticket } = await answer.json());
    } catch {
      return this.again();
    }
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.addEventListener("open", () => {
      const hello = { type: "hello", ticket };
      if (this.since) hello.since = this.since;
      socket.send(JSON.stringify(hello));
    });
    socket.addEventListener("message", (event) => this.heard(JSON.parse(event.data), socket));
    socket.addEventListener("close", (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (event.code === 4003) this.state("out");
      else this.again();
    });
  }

  heard(frame, socket) {
    if (frame.type === "welcome") {
      this.failures = 0;
      this.state("open");
      for (const said of this.unsaid.values()) socket.send(JSON.stringify(said));
    } else if (frame.type === "line") {
      if (!this.since || frame.at > this.since) this.since = frame.at;
    } else if (frame.type === "kept" || frame.type === "no") {
      this.unsaid.delete(frame.id);
    } else if (frame.type === "drain") {
      this.socket = null;
      this.connect();
      socket.close();
    }
    this.on[frame.type]?.(frame);
  }

  again() {
    this.state("lost");
    this.failures += 1;
    const pause = Math.min(500 * 2 ** Math.min(this.failures - 1, 6), 20000) * (0.5 + Math.random());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), pause);
  }

  now() {
    if (this.socket !== null) return;
    clearTimeout(this.timer);
    this.connect();
  }

  say(to, text) {
    const said = { type: "say", id: crypto.randomUUID(), to, text };
    this.unsaid.set(said.id, said);
    this.send(said);
    return said;
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }
}
