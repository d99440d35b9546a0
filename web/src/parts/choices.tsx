import { useId } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

export interface Option<Value extends string> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
  /** Where the label is in another language than the page. */
  readonly lang?: string;
}

interface ChoiceProps<Value extends string> {
  readonly legend: string;
  readonly options: readonly Option<Value>[];
  /** Null: none yet. */
  readonly value: Value | null;
  readonly onChange: (value: Value) => void;
}

/** A switch in a line of its own. */
export function Toggle(props: {
  readonly label: string;
  readonly hint?: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
}) {
  const id = useId();
  return (
    <label class="row-choice">
      <span class="row-words">
        <span>{props.label}</span>
        {props.hint !== undefined && (
          <span class="hint" id={id}>
            {props.hint}
          </span>
        )}
      </span>
      <input
        type="checkbox"
        role="switch"
        class="switch"
        checked={props.isOn}
        aria-describedby={props.hint === undefined ? undefined : id}
        onChange={(event) => {
          props.onChange(event.currentTarget.checked);
        }}
      />
    </label>
  );
}

/** One of several, each in a line of its own with its explanation. */
export function RadioRows<Value extends string>(props: ChoiceProps<Value>) {
  const name = useId();
  return (
    <fieldset class="rows">
      <legend>{props.legend}</legend>
      {props.options.map((option) => (
        <label class="row-choice" key={option.value}>
          <input
            type="radio"
            name={name}
            checked={option.value === props.value}
            onChange={() => {
              props.onChange(option.value);
            }}
          />
          <span class="row-words">
            <span>{option.label}</span>
            {option.hint !== undefined && <span class="hint">{option.hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** One of a few with short names, side by side; the hint of the chosen one stands below. */
export function Segmented<Value extends string>(props: ChoiceProps<Value>) {
  const name = useId();
  const hint = props.options.find((option) => option.value === props.value)?.hint;
  return (
    <fieldset class="segmented">
      <legend>{props.legend}</legend>
      <div class="segments">
        {props.options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              checked={option.value === props.value}
              onChange={() => {
                props.onChange(option.value);
              }}
            />
            <span lang={option.lang}>{option.label}</span>
          </label>
        ))}
      </div>
      {hint !== undefined && <p class="hint">{hint}</p>}
    </fieldset>
  );
}

/** Short answers of which one may be chosen, or taken back. */
export function Chips<Value extends string>(props: {
  readonly label: string;
  readonly options: readonly Option<Value>[];
  readonly value: Value | null;
  readonly onChange: (value: Value | null) => void;
}) {
  return (
    <div class="chips" role="group" aria-label={props.label}>
      {props.options.map((option) => (
        <button
          type="button"
          class="chip"
          key={option.value}
          aria-pressed={option.value === props.value}
          onClick={() => {
            props.onChange(option.value === props.value ? null : option.value);
          }}
        >
          {option.value === props.value && <Icon name="check" size={1.1} />}
          {option.label}
        </button>
      ))}
    </div>
  );
}

/** A line that leads to another screen. */
export function LinkRow(props: {
  readonly href: string;
  readonly label: string;
  readonly hint?: string;
  readonly icon?: IconName;
}) {
  return (
    <a class="row-choice" href={props.href}>
      {props.icon !== undefined && <Icon name={props.icon} />}
      <span class="row-words">
        <span>{props.label}</span>
        {props.hint !== undefined && <span class="hint">{props.hint}</span>}
      </span>
      <Icon name="next" size={1.25} />
    </a>
  );
}
