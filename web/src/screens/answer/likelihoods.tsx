import type { Answer } from "../../phone/phone.ts";
import { percent, seconds } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { nameOf } from "../label_name.ts";
import { byLikelihood, isNovel } from "./shown.ts";

const MOST = 3;
const VERY_SURE = 0.9;
const FAIRLY_SURE = 0.7;

/** The three likeliest labels with their share, where it says something, and who says so. */
export function Likelihoods({ answer }: { readonly answer: Answer }) {
  const made = t("answer.made_by", { release: String(answer.release), time: seconds(answer.milliseconds) });
  if (isNovel(answer)) return <p class="hint">{made}</p>;
  return (
    <section class="likelihoods" aria-labelledby="others">
      <h2 id="others">{t("answer.others")}</h2>
      <ul>
        {byLikelihood(answer)
          .slice(0, MOST)
          .map(({ label, score }) => (
            <li key={label}>
              <span>{nameOf(label)}</span>
              <span class="number">{percent(score)}</span>
              <span class="score-track">
                <span class="score-done" style={{ width: percentage(score) }} />
              </span>
            </li>
          ))}
      </ul>
      <p class="hint">{made}</p>
    </section>
  );
}

/** How sure the model is of its answer, in words. */
export function certainty({ scores, bestLabel }: Answer): string {
  const score = scores[bestLabel] ?? 0;
  return t(
    score >= VERY_SURE ? "answer.sure.very" : score >= FAIRLY_SURE ? "answer.sure.fairly" : "answer.sure.hardly",
  );
}

function percentage(share: number): string {
  return `${Math.round(100 * share)}%`;
}
