import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** `share` from 0 to 1; null while nobody knows how long it takes. */
export function Progress(props: {
  readonly label: string;
  readonly share: number | null;
  readonly children?: ComponentChildren;
}) {
  const id = useId();
  const percent = props.share === null ? undefined : Math.round(100 * props.share);
  return (
    <div class="progress">
      <span id={id} class="progress-label">
        {props.label}
      </span>
      <div
        class={`progress-track${percent === undefined ? " unknown" : ""}`}
        role="progressbar"
        aria-labelledby={id}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
      >
        <div class="progress-done" style={percent === undefined ? {} : { width: `${percent}%` }} />
      </div>
      {props.children !== undefined && <span class="hint">{props.children}</span>}
    </div>
  );
}
