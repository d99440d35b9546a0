import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** `main`: what most people want here, once per screen. `danger`: cannot be undone. `plain`: words without a frame. */
export type ButtonKind = "main" | "quiet" | "plain" | "danger";

interface Looks {
  readonly kind?: ButtonKind;
  readonly icon?: IconName;
  /** Fills the line. */
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

export interface ButtonProps extends Looks {
  readonly onClick?: () => void;
  /** It has been pressed and the work goes on: it cannot be pressed again, and keeps its place and focus. */
  readonly isBusy?: boolean;
}

export function Button({ onClick, isBusy = false, ...looks }: ButtonProps) {
  return (
    <button
      type="button"
      class={classOf(looks)}
      aria-disabled={isBusy}
      aria-busy={isBusy}
      onClick={isBusy ? undefined : onClick}
    >
      <Inside {...looks} />
    </button>
  );
}

/** A link that looks like a button: it leads to another screen. */
export function LinkButton({ href, ...looks }: Looks & { readonly href: string }) {
  return (
    <a href={href} class={classOf(looks)}>
      <Inside {...looks} />
    </a>
  );
}

/** Only a drawing, with its name for those who do not see it. */
export function IconButton(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  /** For what is on or off. */
  readonly isPressed?: boolean;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={props.label}
      aria-pressed={props.isPressed}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

function Inside({ icon, children }: Looks) {
  return (
    <>
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </>
  );
}

function classOf({ kind = "quiet", isWide = false }: Looks): string {
  return `button ${kind}${isWide ? " wide" : ""}`;
}
