import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../words/words.ts";
import { Icon } from "./icon.tsx";

export interface ScreenProps {
  /** Heading and title of the window. */
  readonly title: string;
  /** Where the arrow leads. */
  readonly back?: string;
  /** The heading is there for screen readers only: what stands below says the same. */
  readonly isHeadingHidden?: boolean;
  /** One more class for the layout. */
  readonly kind?: string;
  /** Stays at the bottom in reach of the thumb. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

let isFirst = true;

/** The frame of a screen: its title, and the focus on its heading whenever one comes from another screen. */
export function Screen({ title, back, isHeadingHidden = false, kind = "", actions, children }: ScreenProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirst) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
  }, [title]);
  return (
    <main id="content" tabIndex={-1} class={`screen ${kind}`}>
      <header class={isHeadingHidden && back === undefined ? "hidden-text" : "screen-head"}>
        {back !== undefined && (
          <a class="icon-button" href={back} aria-label={t("app.back")}>
            <Icon name="back" />
          </a>
        )}
        <h1 ref={heading} tabIndex={-1} class={isHeadingHidden ? "hidden-text" : ""}>
          {title}
        </h1>
      </header>
      {children}
      {actions !== undefined && <div class="actions">{actions}</div>}
    </main>
  );
}

/** Where a screen will be, while nobody knows yet what it shows: it tells nothing and takes no focus. */
export function BlankScreen() {
  return <main id="content" class="screen" />;
}
