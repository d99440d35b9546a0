import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export type NoticeKind = "info" | "good" | "warning" | "problem";

const ICONS: Readonly<Record<NoticeKind, IconName>> = {
  info: "info",
  good: "check",
  warning: "warning",
  problem: "warning",
};

/** Something to know, with a drawing as well as a colour. What comes as news is also said with `announce`. */
export function Notice(props: {
  readonly kind: NoticeKind;
  readonly title?: string;
  readonly icon?: IconName;
  readonly children?: ComponentChildren;
  readonly action?: ComponentChildren;
}) {
  return (
    <div class={`notice ${props.kind}`}>
      <Icon name={props.icon ?? ICONS[props.kind]} />
      <div class="notice-words">
        {props.title !== undefined && <strong>{props.title}</strong>}
        {props.children !== undefined && <div>{props.children}</div>}
      </div>
      {props.action !== undefined && <div class="notice-action">{props.action}</div>}
    </div>
  );
}
