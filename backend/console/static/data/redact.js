// Draw the region to cover on the photo; the number fields work without this.
"use strict";

for (const drawing of document.querySelectorAll(".drawing[data-drawing='yes']")) {
  const svg = drawing.querySelector("svg");
  const rect = svg.querySelector("rect");
  const { width, height } = svg.viewBox.baseVal;
  const fields = ["left", "top", "right", "bottom"].map((name) => document.getElementById(name));
  let start = null;

  const placeOf = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const y = ((event.clientY - box.top) / box.height) * height;
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  };

  const draw = (left, top, right, bottom) => {
    rect.setAttribute("x", left);
    rect.setAttribute("y", top);
    rect.setAttribute("width", Math.max(0, right - left));
    rect.setAttribute("height", Math.max(0, bottom - top));
  };

  const read = () => fields.map((field) => Number(field.value));

  drawing.classList.add("ready");
  svg.addEventListener("pointerdown", (event) => {
    start = placeOf(event);
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = placeOf(event);
    const edges = [
      Math.floor(Math.min(x, start[0])),
      Math.floor(Math.min(y, start[1])),
      Math.ceil(Math.max(x, start[0])),
      Math.ceil(Math.max(y, start[1])),
    ];
    edges.forEach((edge, index) => {
      fields[index].value = edge;
    });
    draw(...edges);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    svg.addEventListener(name, () => {
      start = null;
    });
  }
  for (const field of fields) field.addEventListener("input", () => draw(...read()));
}
