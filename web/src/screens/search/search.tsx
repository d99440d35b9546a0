import { useEffect } from "preact/hooks";
import { guide, isGuideRead } from "../../app_state.ts";
import type { Guide } from "../../guide/guide.ts";
import { binName, fallbacks, inLanguage, today } from "../../guide/guide_answer.ts";
import { LONGEST_QUESTION, search } from "../../guide/guide_search.ts";
import { inkOn } from "../../guide/ink.ts";
import { BinSymbol } from "../../parts/bin_mark.tsx";
import { IconButton, LinkButton } from "../../parts/button.tsx";
import { EmptyState } from "../../parts/empty_state.tsx";
import { Icon } from "../../parts/icon.tsx";
import { announce } from "../../parts/live_region.tsx";
import { Progress } from "../../parts/progress.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { isLooking } from "../../updating.ts";
import { language, t } from "../../words/words.ts";
import { question } from "./question.ts";
import { Things } from "./things.tsx";

/** Which bin a thing goes into, by its name; without a question all bins. */
export function Search() {
  return (
    <Screen title={t("search.title")} kind="search">
      {guide.value === null ? (
        <NoGuide />
      ) : (
        <>
          <Question />
          {question.value.trim() === "" ? <Bins guide={guide.value} /> : <Found guide={guide.value} />}
        </>
      )}
    </Screen>
  );
}

/** It is read from the phone, else it comes with the first look for updates. */
function NoGuide() {
  if (!isGuideRead.value || isLooking.value) return <Progress label={t("app.loading")} share={null} />;
  return (
    <EmptyState icon="search" title={t("search.no_guide")}>
      {t("search.no_guide.why")}
    </EmptyState>
  );
}

function Question() {
  return (
    <div class="question" role="search">
      <Icon name="search" />
      <input
        type="text"
        inputMode="search"
        enterKeyHint="search"
        aria-label={t("search.title")}
        placeholder={t("search.placeholder")}
        maxLength={LONGEST_QUESTION}
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
        value={question.value}
        onInput={(event) => {
          question.value = event.currentTarget.value;
        }}
      />
      {question.value !== "" && (
        <IconButton
          icon="close"
          label={t("search.clear")}
          onClick={() => {
            question.value = "";
          }}
        />
      )}
    </div>
  );
}

function Found({ guide: known }: { readonly guide: Guide }) {
  const found = search(known, question.value, language.value, today());
  const count = t("search.found", { n: found.length });
  useEffect(() => {
    announce(count);
  }, [count]);
  if (found.length > 0) return <Things things={found} />;
  return (
    <EmptyState
      icon="question"
      title={t("search.nothing", { words: question.value.trim() })}
      action={
        <LinkButton href={addressOf("camera")} icon="camera">
          {t("app.go_to_camera")}
        </LinkButton>
      }
    >
      {t("search.nothing.why")}
    </EmptyState>
  );
}

function Bins({ guide: known }: { readonly guide: Guide }) {
  const languages = fallbacks(known, language.value);
  return (
    <section class="stack" aria-labelledby="bins">
      <h2 id="bins">{t("search.bins")}</h2>
      <p class="hint">{t("search.bins.why", { city: inLanguage(known.names, languages) ?? known.city })}</p>
      <ul class="bins">
        {known.bins.map((bin) => (
          <li key={bin.id}>
            <a href={addressOf("bin", bin.id)} style={{ backgroundColor: bin.colour, color: inkOn(bin.colour) }}>
              <BinSymbol symbol={bin.symbol} />
              <span>{binName(bin, languages)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
