// While somebody works, what they hold stays theirs; before it goes to others, the page says so.
"use strict";

class ReviewClaims {
  constructor(page) {
    this.page = page;
    this.lastActAt = Date.now();
    this.heldAnew(this.lastActAt);
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) {
      document.addEventListener(kind, () => this.act(), { passive: true });
    }
    setInterval(() => this.tick(), 5000);
  }

  // `askedAt` is when the server was asked: its answer may come late.
  heldAnew(askedAt) {
    this.heldUntil = askedAt + this.page.root.dataset.minutes * 60000;
    this.expired = false;
  }

  act() {
    this.lastActAt = Date.now();
    if (this.expired) this.page.refill();
    if (!this.page.find("#expiring").hidden) this.renew();
  }

  tick() {
    if (this.expired) return;
    const left = this.heldUntil - Date.now();
    const whole = this.page.root.dataset.minutes * 60000;
    const holds = this.page.items.children.length > 0;
    if (holds && left <= 0) return this.expire();
    if (left < whole * 0.7 && Date.now() - this.lastActAt < 60000) return this.renew();
    if (holds && left < 90000) this.warn(this.page.text("Expiring", { seconds: Math.ceil(left / 1000) }));
  }

  warn(text) {
    const warning = this.page.find("#expiring");
    warning.hidden = !text;
    if (warning.textContent !== text) warning.textContent = text;
  }

  async renew() {
    if (this.renewing) return;
    this.renewing = true;
    const askedAt = Date.now(); // By this clock: nobody knows how wrong it is.
    try {
      const headers = { Accept: "application/json", "X-CSRF-Token": this.page.root.dataset.csrf };
      const answer = await fetch("/console/review/renew", { method: "POST", headers, signal: AbortSignal.timeout(20000) });
      if (!answer.ok) return;
      this.warn("");
      if (this.expired) this.page.refill(); // Too late for what was shown: what is still held comes again.
      else this.heldAnew(askedAt);
    } catch {
      // Without a network it is tried again with the next tick.
    } finally {
      this.renewing = false;
    }
  }

  expire() {
    this.warn("");
    this.page.items.replaceChildren();
    this.page.forget();
    this.page.say(this.page.text("Expired"), "warn");
    this.page.show(null);
    this.expired = true;
  }
}
