// One photo after the other without waiting: the next ones are here before they are needed, and verdicts are sent in
// the background. Everything it does is a form of the page; without it each form leads to the next page.
"use strict";

const READY = 5;
const UNDOABLE = 20;
const ATTEMPTS = 8;

class ReviewPage {
  constructor(root) {
    this.root = root;
    this.text = (name, values = {}) =>
      Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), root.dataset[`text${name}`]);
    this.find = (selector) => root.querySelector(selector);
    this.items = this.find("#items");
    this.history = [];
    this.done = 0;
    this.empty = false;
    this.outbox = new ReviewOutbox(
      `wastelens-review-${root.dataset.person}`, root.dataset.csrf, (answer, entry) => this.told(answer, entry), () => this.showPending());
    this.forget();
    for (const item of [...this.items.children]) this.outbox.has(item.dataset.photo) ? item.remove() : this.prepare(item);
    this.find("#undo").hidden = false;
    this.find("#show-keys").hidden = false;
    this.listen();
    this.show(this.current ?? this.next, false);
    this.refill();
  }

  get current() { return this.items.querySelector(".item:not([hidden])"); }
  get next() { return this.items.querySelector(".item[hidden][data-ready]"); }
  get usesKeys() { return this.find("#use-keys").checked; }

  // From now on any photo is new, but for those about which something is still on its way.
  forget() { this.known = new Set(this.outbox.entries.map((entry) => entry.photo)); }

  // A photo that has just come: load and decode its picture, so that showing it takes no time.
  prepare(item) {
    this.known.add(item.dataset.photo);
    item.view = new ReviewCanvas(item);
    item.querySelector(".tools").hidden = false;
    this.load(item, 1);
  }

  // Nobody decides what cannot be seen: a photo is shown once its picture is here. One that is gone is passed over.
  async load(item, attempt) {
    const picture = item.querySelector(".photo");
    try {
      await picture.decode();
      item.dataset.ready = "";
      if (!this.current) this.show(this.next);
    } catch {
      if (attempt >= ATTEMPTS && navigator.onLine) return this.pass(item);
      setTimeout(() => {
        picture.src = picture.getAttribute("src");
        this.load(item, navigator.onLine ? attempt + 1 : attempt);
      }, 1000);
    }
  }

  async refill() {
    this.isWanted = this.items.children.length < READY;
    if (this.loading || !this.isWanted) return;
    this.loading = true;
    this.isWanted = false;
    const { entries, added } = this.outbox;
    const isQuiet = entries.length === 0;
    const askedAt = Date.now();
    try {
      const answer = await fetch("/console/review/batch", {
        method: "POST",
        headers: { "X-CSRF-Token": this.root.dataset.csrf, "HX-Request": "true" },
        body: new URLSearchParams({ count: READY + 1 + entries.length }),
        signal: AbortSignal.timeout(20000),
      });
      const html = await answer.text();
      if (answer.ok) this.take(html, askedAt, isQuiet && this.outbox.added === added);
      else if (answer.status === 401 || answer.status === 403) this.outbox.signedOut = true;
      else throw new Error(`${answer.status}`);
    } catch {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refill(), 2000); // Without a network, or where the server cannot answer now.
    } finally {
      this.loading = false;
      this.showPending();
      if (this.isWanted) this.refill();
    }
  }

  // `isSettled`: the server knew of all that is decided by now. Else it may have given what is decided, and no more.
  take(html, askedAt, isSettled) {
    const found = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll(".item")];
    let fresh = found.filter((item) => !this.known.has(item.dataset.photo));
    // What was refused is given again.
    if (!fresh.length && isSettled) fresh = found.filter((item) => !this.isHere(item.dataset.photo));
    for (const item of fresh) {
      this.items.append(item);
      this.prepare(item);
    }
    this.empty = isSettled && fresh.length === 0;
    this.claims.heldAnew(askedAt);
    if (!this.current) this.show(this.next);
  }

  isHere(photo) { return [...this.items.children].some((item) => item.dataset.photo === photo); }

  show(item, focus = true) {
    const nothing = this.empty && this.items.children.length === 0;
    this.find("#waiting").hidden = Boolean(item) || nothing;
    this.find("#empty").hidden = Boolean(item) || !nothing;
    if (!item) return;
    item.hidden = false;
    item.view.reset();
    if (focus) item.querySelector("h2").focus({ preventScroll: true });
  }

  // The picture is swapped first; everything else can wait for the next frame.
  decide(choice, startedAt) {
    const item = this.current;
    if (!item || !("ready" in item.dataset)) return;
    item.remove();
    item.hidden = true;
    this.show(this.next);
    if (startedAt) measure(startedAt);
    this.done += 1;
    this.history = [...this.history, item].slice(-UNDOABLE);
    this.outbox.add({ photo: item.dataset.photo, what: "verdict", choice });
    setTimeout(() => this.refill());
  }

  skip() {
    if (this.current) this.pass(this.current);
  }

  // The server gives it to others, and for some hours not to this person again.
  pass(item) {
    if (!item.isConnected) return;
    this.outbox.add({ photo: item.dataset.photo, what: "skip" });
    this.away(item.dataset.photo);
  }

  undo() {
    const item = this.history.pop();
    if (!item) {
      const form = this.find("#undo");
      if (form.action.endsWith("/undo")) form.submit();
      else this.say(this.text("NothingToUndo"), "");
      return;
    }
    if (!this.items.children.length) this.claims.heldAnew(Date.now()); // What was held before may have expired long ago.
    if (this.current) this.current.hidden = true;
    item.querySelector(".reject").open = false;
    this.items.prepend(item);
    this.done -= 1;
    this.show(item);
    if (!this.outbox.drop(item.dataset.photo)) {
      this.say(this.text("TakingBack"), "");
      this.outbox.add({ photo: item.dataset.photo, what: "undo" });
    }
  }

  told(answer, entry) {
    if (!this.outbox.entries.length) this.refill();
    if (answer.taken) {
      this.say(answer.said, answer.kind);
      if (entry.what === "undo" && answer.held === false) this.away(entry.photo);
      // This page was made before the server knew of it, and names what was said before it.
      if (entry.what === "verdict" && entry.isOfEarlierPage) this.find("#undo").action = `/console/review/photos/${entry.photo}/undo`;
      return;
    }
    if (entry.what === "undo") this.away(entry.photo);
    const failure = document.createElement("p");
    failure.className = "error";
    failure.textContent = this.text("Failed", { why: answer.said });
    this.find("#failed").replaceChildren(failure);
  }

  // A photo that is not ours (any longer) must not be decided.
  away(photo) {
    const item = [...this.items.children].find((each) => each.dataset.photo === photo);
    if (!item) return;
    const wasShown = !item.hidden;
    item.remove();
    if (wasShown) this.show(this.next);
    this.refill();
  }

  say(text, kind) {
    const told = this.find("#told");
    told.className = kind;
    told.textContent = text;
  }

  showPending() {
    if (!this.outbox) return;
    const { entries, offline, signedOut } = this.outbox;
    const pending = this.find("#pending");
    const name = signedOut ? "SignedOut" : offline ? "Offline" : "Waiting";
    const text = signedOut || entries.length ? this.text(name, { count: entries.length }) : "";
    pending.hidden = !text;
    pending.classList.toggle("warn", offline || signedOut);
    if (pending.textContent !== text) pending.textContent = text;
    this.find("#count").textContent = this.done ? this.text("Done", { count: this.done }) : "";
  }

  listen() {
    document.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("submit", (event) => this.submit(event));
    this.root.addEventListener("click", (event) => this.act(event.target.closest("[data-do]")?.dataset.do));
    this.find("#show-keys").addEventListener("click", () => this.find("#keys").showModal());
    this.find("#use-keys").checked = localStorage.getItem("wastelens-review-keys") !== "off";
    this.find("#use-keys").addEventListener("change", () => localStorage.setItem("wastelens-review-keys", this.usesKeys ? "on" : "off"));
    this.claims = new ReviewClaims(this);
  }

  submit(event) {
    const form = event.target;
    if (event.submitter?.matches(".pass-by")) this.skip();
    else if (form.matches(".answers")) this.decide(event.submitter.value, event.timeStamp);
    else if (form.id === "undo" && (this.history.length || !form.action.endsWith("/undo"))) this.undo();
    else return;
    event.preventDefault();
  }

  act(name) {
    const view = this.current?.view;
    if (!view || !name) return;
    ({ larger: () => view.zoom(1.4), smaller: () => view.zoom(1 / 1.4), turn: () => view.turn(), overlay: () => view.toggle() })[name]();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, select, textarea") || !this.usesKeys) return;
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    if (this.answer(event)) event.preventDefault();
  }

  // Return whether the key means something.
  answer(event) {
    const item = this.current;
    const command = { z: "undo", Backspace: "undo", "?": "help", "+": "larger", "=": "larger", "-": "smaller", t: "turn", g: "overlay", r: "reject", s: "skip" }[event.key];
    if (command === "undo") this.undo();
    else if (command === "help") this.find("#keys").showModal();
    else if (!item) return false;
    else if (command === "reject") this.reject(item);
    else if (command === "skip") this.skip();
    else if (command) this.act(command);
    else return this.choose(item, event);
    return true;
  }

  choose(item, event) {
    const open = item.querySelector(".reject").open;
    const key = CSS.escape(event.key);
    const selector = event.key === "Enter" ? ".accept" : open && event.key < "5" ? `[data-reason="${key}"]` : `.answers [data-key="${key}"]`;
    const button = item.querySelector(selector);
    if (!button) return false;
    this.decide(button.value, event.timeStamp);
    return true;
  }

  reject(item) {
    const reasons = item.querySelector(".reject");
    reasons.open = !reasons.open;
    if (reasons.open) reasons.querySelector("button").focus();
  }
}

// From the key to the frame in which the next photo is on the screen.
function measure(startedAt) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => performance.measure("review-next", { start: startedAt, end: performance.now() });
    channel.port2.postMessage(0);
  });
}

new ReviewPage(document.querySelector("#review"));
