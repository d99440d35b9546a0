import type { GuideAnswer } from "../../guide/guide_answer.ts";
import { BinMark } from "../../parts/bin_mark.tsx";
import { Icon } from "../../parts/icon.tsx";
import { t } from "../../words/words.ts";

/**
 * Things with the bin that each goes into, and all that is to be known about it: nobody has to open anything.
 * `isInOneBin`: the screen is about a bin, so that its name need not be said with each.
 */
export function Things(props: { readonly things: readonly GuideAnswer[]; readonly isInOneBin?: boolean }) {
  return (
    <ul class="things">
      {props.things.map((thing) => (
        <li key={`${thing.thing} ${thing.bin}`}>
          <BinMark colour={thing.colour} symbol={thing.symbol} />
          <div>
            <h2>{thing.name}</h2>
            {props.isInOneBin !== true && <p class="thing-bin">{thing.binName}</p>}
            {thing.hazard !== null && (
              <p class="thing-hazard">
                <Icon name="warning" size={1.25} />
                <span>
                  <span class="hidden-text">{t("answer.warning")}: </span>
                  {thing.hazard}
                </span>
              </p>
            )}
            {thing.preparation !== null && <p>{thing.preparation}</p>}
            {thing.dropOff !== null && (
              <p class="thing-place">
                <Icon name="place" size={1.25} />
                <span>{thing.dropOff}</span>
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}
