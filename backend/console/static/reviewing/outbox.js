// What was decided and is not yet with the server: kept over reloads, sent one after the other, until it is answered.
"use strict";

class ReviewOutbox {
  // `told(answer, entry)` hears what the server said, `changed()` that there is more or less to send.
  constructor(name, secret, told, changed) {
    Object.assign(this, { name, secret, told, changed, entries: [], added: 0, sending: false, offline: false, signedOut: false, wait: 500 });
    const left = JSON.parse(sessionStorage.getItem(name) || "[]");
    this.entries = left.map((entry) => ({ ...entry, isOfEarlierPage: true }));
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("beforeunload", (event) => { if (this.entries.length) event.preventDefault(); });
    this.send();
  }

  add(entry) {
    this.entries.push(entry);
    this.added += 1;
    this.keep();
    this.send();
  }

  // Take back what has never left; return whether there was something. What was sent without an answer may be with the
  // server: it is sent again before it is taken back there.
  drop(photo) {
    const at = this.entries.findLastIndex((entry) => entry.photo === photo && entry.what === "verdict");
    if (at < 0 || this.entries[at].sent) return false;
    this.entries.splice(at, 1);
    this.keep();
    return true;
  }

  has(photo) { return this.entries.some((entry) => entry.photo === photo); }

  hurry() {
    clearTimeout(this.timer);
    this.wait = 500;
    this.send();
  }

  keep() {
    sessionStorage.setItem(this.name, JSON.stringify(this.entries));
    this.changed();
  }

  async send() {
    if (this.sending || this.signedOut) return;
    this.sending = true;
    clearTimeout(this.timer);
    while (this.entries.length && (await this.one(this.entries[0])));
    this.sending = false;
    if (this.entries.length && !this.signedOut) {
      this.timer = setTimeout(() => this.send(), this.wait);
      this.wait = Math.min(15000, this.wait * 2);
    }
    this.changed();
  }

  // Return whether to go on with the next one.
  async one(entry) {
    let answer;
    entry.sent = true;
    try {
      answer = await fetch(`/console/review/photos/${entry.photo}/${entry.what}`, {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRF-Token": this.secret },
        body: new URLSearchParams(entry.choice ? { choice: entry.choice } : {}),
        signal: AbortSignal.timeout(20000),
      });
    } catch {
      this.offline = true;
      this.changed();
      return false;
    }
    this.offline = answer.status >= 500 || answer.status === 429;
    this.signedOut = answer.status === 401 || answer.status === 403;
    if (this.offline || this.signedOut) {
      this.changed();
      return false;
    }
    this.wait = 500;
    const said = await answer.json().catch(() => ({ said: answer.statusText, kind: "bad" }));
    this.entries.shift();
    this.keep();
    this.told({ ...said, taken: answer.ok }, entry);
    return true;
  }
}
