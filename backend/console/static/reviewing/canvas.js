// How the photo is shown: larger, moved, turned. Nothing of it is kept.
"use strict";

class ReviewCanvas {
  constructor(item) {
    this.canvas = item.querySelector(".canvas");
    this.photo = item.querySelector(".photo");
    this.overlayButton = item.querySelector('[data-do="overlay"]');
    this.fingers = new Map();
    this.reset();
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event);
    }, { passive: false });
    this.canvas.addEventListener("dblclick", (event) => (this.scale > 1 ? this.reset() : this.zoom(2.5, event)));
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.canvas.addEventListener(kind, (event) => this.point(kind, event));
    }
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0, turned: 0 });
    this.seek();
    this.draw();
  }

  // A worker makes the overlay while others are decided; the button is there once it is.
  async seek() {
    const button = this.overlayButton;
    if (!button?.hidden || this.seeking || !this.canvas.isConnected) return;
    this.seeking = true;
    const answer = fetch(this.photo.src.replace("/image", "/overlay"));
    const picture = await answer.then((found) => (found.ok ? found.blob() : null)).catch(() => null);
    this.seeking = false;
    if (!picture) return;
    this.overlay = new Image();
    this.overlay.className = "overlay";
    this.overlay.alt = button.title;
    this.overlay.hidden = true;
    this.overlay.src = URL.createObjectURL(picture);
    this.overlay.addEventListener("load", () => URL.revokeObjectURL(this.overlay.src), { once: true });
    this.canvas.append(this.overlay);
    this.draw(); // As the photo is by now.
    button.hidden = false;
  }

  toggle() {
    if (!this.overlay) return;
    this.overlay.hidden = !this.overlay.hidden;
    this.photo.hidden = !this.overlay.hidden;
    this.overlayButton.setAttribute("aria-pressed", String(!this.overlay.hidden));
  }

  turn() {
    this.turned = (this.turned + 90) % 360;
    this.draw();
  }

  // `at` is where to look: what lies there stays there.
  zoom(factor, at) {
    const scale = Math.min(8, Math.max(1, this.scale * factor));
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = at ? [at.clientX - box.left - box.width / 2, at.clientY - box.top - box.height / 2] : [0, 0];
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    if (scale === 1) this.x = this.y = 0;
    this.draw();
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    const sideways = this.turned % 180 !== 0 && box.width && box.height;
    const fit = sideways ? Math.min(box.width, box.height) / Math.max(box.width, box.height) : 1;
    this.canvas.classList.toggle("zoomed", this.scale > 1);
    for (const picture of this.canvas.querySelectorAll("img")) {
      picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale * fit}) rotate(${this.turned}deg)`;
    }
  }

  point(kind, event) {
    const before = this.fingers.get(event.pointerId);
    if (kind === "pointerdown") {
      this.canvas.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, event);
    } else if (kind !== "pointermove") {
      this.fingers.delete(event.pointerId);
    } else if (before) {
      this.move(event, before);
      this.fingers.set(event.pointerId, event);
    }
  }

  move(event, before) {
    const other = [...this.fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (other) {
      const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      this.zoom(distance(event) / distance(before), other);
    } else if (this.scale > 1) {
      this.x += event.clientX - before.clientX;
      this.y += event.clientY - before.clientY;
      this.draw();
    }
  }
}
