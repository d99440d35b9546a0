import { BinMark } from "../../parts/bin_mark.tsx";
import { Icon } from "../../parts/icon.tsx";
import { nameOf } from "../label_name.ts";
import { guideOn } from "./guide_words.ts";

/** Labels to choose from with one tap, each with the bin that it leads to. */
export function LabelChoices(props: {
  readonly title: string;
  readonly labels: readonly string[];
  readonly onChoose: (label: string) => void;
}) {
  return (
    <section class="label-choices">
      <h2>{props.title}</h2>
      <ul>
        {props.labels.map((label) => (
          <li key={label}>
            <button
              type="button"
              onClick={() => {
                props.onChoose(label);
              }}
            >
              <Choice label={label} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Choice({ label }: { readonly label: string }) {
  const about = guideOn(label);
  return (
    <>
      {about !== null && <BinMark colour={about.colour} symbol={about.symbol} />}
      <span class="row-words">
        <strong>{nameOf(label)}</strong>
        {about !== null && <span class="hint">{about.binName}</span>}
      </span>
      <Icon name="next" size={1.25} />
    </>
  );
}
