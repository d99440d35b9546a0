import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** A piece of a screen on a surface of its own; with a title it is a section that screen readers can go to. */
export function Card({ title, children }: { readonly title?: string; readonly children: ComponentChildren }) {
  const id = useId();
  if (title === undefined) return <div class="card">{children}</div>;
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}
