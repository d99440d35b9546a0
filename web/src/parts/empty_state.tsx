import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** Where there is nothing yet: what it will be, and how to begin. */
export function EmptyState(props: {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly action?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={props.icon} size={2.25} />
      </span>
      <h2>{props.title}</h2>
      {props.children !== undefined && <p>{props.children}</p>}
      {props.action}
    </div>
  );
}
