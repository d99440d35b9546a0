// While somebody works, what they hold stays theirs; before it goes to others, the page says so.
"use strict";

class ReviewClaims {
  constructor(page) {
    this.page = page;
    this.lastActAt = Date.now();
    this.heldAnew();
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) {
      document.addEventListener(kind, () => this.act(), { passive: true });
    }
    setInterval(() => this.tick(), 5000);
  }

  heldAnew() {
    this.heldUntil = Date.now() + this.page.root.dataset.minutes * 60000;
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
    try {
      const headers = { Accept: "application/json", "X-CSRF-Token": this.page.root.dataset.csrf };
      const answer = await fetch("/console/review/renew", { method: "POST", headers });
      if (answer.ok) {
        this.heldAnew(); // By this clock: nobody knows how wrong it is.
        this.warn("");
      }
    } catch {
      // Without a network it is tried again with the next tick.
    } finally {
      this.renewing = false;
    }
  }

  expire() {
    this.warn("");
    this.page.items.replaceChildren();
    this.page.known.clear();
    this.page.say(this.page.text("Expired"), "warn");
    this.page.show(null);
    this.expired = true;
  }
}
