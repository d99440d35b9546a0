import { useEffect, useState } from "preact/hooks";
import { guide, isGuideRead, settings } from "../../app_state.ts";
import { confirm, correct } from "../../contributions/photos.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { EmptyState } from "../../parts/empty_state.tsx";
import { announce } from "../../parts/live_region.tsx";
import { Notice } from "../../parts/notice.tsx";
import { Picture } from "../../parts/picture.tsx";
import { BlankScreen, Screen } from "../../parts/screen.tsx";
import { addressOf } from "../../router.ts";
import { t } from "../../words/words.ts";
import { type Act, Failed, useAct } from "../act.tsx";
import { nameOf } from "../label_name.ts";
import { Advice, Hazard } from "./advice.tsx";
import { BinField, NoBinField } from "./bin_field.tsx";
import { CorrectSheet } from "./correct_sheet.tsx";
import { guideOn } from "./guide_words.ts";
import { certainty, Likelihoods } from "./likelihoods.tsx";
import { labelOf, type Shown, shownAs } from "./shown.ts";
import { Unsure } from "./unsure.tsx";
import { YourSay } from "./your_say.tsx";

/** What it is, which bin it goes into, and whether that is right. */
export function Answer({ id }: { readonly id: string }) {
  const shown = isGuideRead.value ? shownAs(id) : undefined; // The bin comes with the answer, and nothing moves for it.
  if (shown === undefined) return <BlankScreen />;
  if (shown !== null) return <Known shown={shown} />;
  return (
    <Screen title={t("answer.title")} back={addressOf("camera")}>
      <EmptyState
        icon="picture"
        title={t("answer.gone")}
        action={
          <LinkButton href={addressOf("camera")} kind="main" icon="camera">
            {t("app.go_to_camera")}
          </LinkButton>
        }
      />
    </Screen>
  );
}

function Known({ shown }: { readonly shown: Shown }) {
  const [isCorrecting, setCorrecting] = useState(false);
  const keeping = useAct();
  const { id, answer } = shown;
  const label = labelOf(shown);
  const heading = headingOf(label);
  const hasSaid = shown.isConfirmed || shown.correction !== null;
  const openSheet = () => {
    setCorrecting(true);
  };
  useEffect(() => {
    announce(heading);
  }, [heading]);
  return (
    <Screen
      title={heading}
      back={addressOf("camera")}
      isHeadingHidden
      kind="answer"
      actions={<Actions shown={shown} hasSaid={hasSaid} keeping={keeping} onWrong={openSheet} />}
    >
      <div class="answer-columns">
        <Picture blob={shown.photo} alt={t("answer.photo")} kind="answer-photo" />
        <div class="answer-words">
          {id === null && (
            <Notice kind="warning" title={t("answer.not_kept")}>
              {t("answer.not_kept.why")}
            </Notice>
          )}
          {label === "unsure" ? (
            <Unsure
              shown={shown}
              onChoose={
                id === null
                  ? null
                  : (chosen) => {
                      keeping.run(() => correct(id, chosen, null));
                    }
              }
            />
          ) : (
            <WhereItGoes label={label} how={hasSaid ? null : certainty(answer)} />
          )}
          {hasSaid && id !== null && <YourSay shown={shown} onChange={openSheet} />}
          <Failed act={keeping} />
          <Likelihoods answer={answer} />
        </div>
      </div>
      {isCorrecting && id !== null && (
        <CorrectSheet
          id={id}
          answer={answer}
          label={label}
          onClose={() => {
            setCorrecting(false);
          }}
        />
      )}
    </Screen>
  );
}

/** `how` sure the model is; null where a person said so. */
function WhereItGoes({ label, how }: { readonly label: string; readonly how: string | null }) {
  const about = guideOn(label);
  const name = nameOf(label);
  if (about === null) {
    return <NoBinField title={name}>{t(guide.value === null ? "answer.no_guide" : "answer.no_rule")}</NoBinField>;
  }
  return (
    <>
      <Hazard about={about} />
      <BinField about={about} thing={how === null ? name : `${name} · ${how}`} />
      <Advice about={about} />
    </>
  );
}

function Actions(props: {
  readonly shown: Shown;
  readonly hasSaid: boolean;
  readonly keeping: Act;
  readonly onWrong: () => void;
}) {
  const { shown, keeping } = props;
  const { id } = shown;
  if (id === null) return <Again />;
  if (props.hasSaid && shown.state === "only_here" && !settings.value.sends) return <Again isMain />;
  if (props.hasSaid) {
    return (
      <>
        <Again />
        {shown.state === "only_here" ? (
          <LinkButton href={addressOf("share", id)} kind="main" icon="send">
            {t("answer.share")}
          </LinkButton>
        ) : (
          <LinkButton href={addressOf("photo", id)}>{t("answer.see_mine")}</LinkButton>
        )}
      </>
    );
  }
  if (labelOf(shown) === "unsure") {
    return (
      <>
        <Button onClick={props.onWrong}>{t("answer.other")}</Button>
        <Again isMain />
      </>
    );
  }
  return (
    <>
      <Button icon="close" onClick={props.onWrong}>
        {t("answer.wrong")}
      </Button>
      <Button
        icon="check"
        isBusy={keeping.isBusy}
        onClick={() => {
          keeping.run(() => confirm(id));
        }}
      >
        {t("answer.right")}
      </Button>
    </>
  );
}

function Again({ isMain = false }: { readonly isMain?: boolean }) {
  return (
    <LinkButton href={addressOf("camera")} kind={isMain ? "main" : "quiet"} icon="camera">
      {t("answer.again")}
    </LinkButton>
  );
}

function headingOf(label: string): string {
  if (label === "unsure") return t("answer.unsure.title");
  const about = guideOn(label);
  return about === null ? nameOf(label) : t("answer.heading", { label: nameOf(label), bin: about.binName });
}
