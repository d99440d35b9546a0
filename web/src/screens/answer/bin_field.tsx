import type { GuideAnswer } from "../../guide/guide_answer.ts";
import { inkOn } from "../../guide/ink.ts";
import { BinSymbol } from "../../parts/bin_mark.tsx";
import { Icon } from "../../parts/icon.tsx";

/** The answer as one sees it from afar: the bin's colour, its symbol and its name, in the ink that stands out. */
export function BinField({ about, thing }: { readonly about: GuideAnswer; readonly thing: string }) {
  return (
    <div class="bin-field" style={{ backgroundColor: about.colour, color: inkOn(about.colour) }}>
      <BinSymbol symbol={about.symbol} />
      <p>
        <span class="bin-field-thing">{thing}</span>
        <span class="bin-field-bin">{about.binName}</span>
      </p>
    </div>
  );
}

/** The same place where no bin can be named. */
export function NoBinField({ title, children }: { readonly title: string; readonly children: string }) {
  return (
    <div class="bin-field none">
      <span class="bin-symbol">
        <Icon name="question" size={3} />
      </span>
      <p>
        <span class="bin-field-bin">{title}</span>
        <span class="bin-field-thing">{children}</span>
      </p>
    </div>
  );
}
