import { useEffect, useRef, useState } from "preact/hooks";
import { ownPhotos } from "../../app_state.ts";
import { modelState } from "../../model_state.ts";
import { announce } from "../../parts/live_region.tsx";
import { Picture } from "../../parts/picture.tsx";
import { Screen } from "../../parts/screen.tsx";
import { addressOf, go } from "../../router.ts";
import { dayAndTime } from "../../words/formats.ts";
import { t } from "../../words/words.ts";
import { ChooseFile } from "./choose_file.tsx";
import { take } from "./live_camera.ts";
import { lookAt, type LookProblem, wordsFor } from "./looking.ts";
import { Stage } from "./stage.tsx";
import { isProblem, useCamera } from "./use_camera.ts";

/** Where the app begins: show a thing to the camera, or choose a photo of it. */
export function Camera() {
  const { video, ...camera } = useCamera();
  const looking = useLooking();
  const shoot = () => {
    if (video.current !== null) looking.begin(take(video.current));
  };
  return (
    <Screen title={t("camera.title")} kind="camera">
      <div
        class="camera-columns"
        onDragOver={(event) => {
          event.preventDefault();
        }}
        onDrop={(event) => {
          event.preventDefault();
          const file = event.dataTransfer?.files[0];
          if (file !== undefined) looking.begin(file);
        }}
      >
        <Stage
          video={video}
          camera={camera}
          still={looking.photo}
          problem={looking.problem}
          onChosen={looking.begin}
          onCancel={looking.cancel}
        />
        <div class="controls">
          {isProblem(camera.state) ? (
            <span />
          ) : (
            <ChooseFile onChosen={looking.begin} isDisabled={looking.photo !== null} />
          )}
          <button
            type="button"
            class="shutter"
            aria-label={t("camera.take")}
            disabled={camera.state !== "live" || looking.photo !== null}
            onClick={shoot}
          />
          <LastPhoto />
        </div>
        <HowItWorks />
      </div>
    </Screen>
  );
}

/**
 * What is being looked at now, and what became of it where nothing came of it. Only the answer to what was chosen last is
 * shown, and only while its screen is there.
 */
function useLooking() {
  const [photo, setPhoto] = useState<Blob | null>(null);
  const [problem, setProblem] = useState<LookProblem | null>(null);
  const turnRef = useRef(0);

  useEffect(
    () => () => {
      turnRef.current++; // Whoever has left finds it among their photos.
    },
    [],
  );
  const fail = (error: unknown) => {
    const words = wordsFor(error);
    setPhoto(null);
    setProblem(words);
    announce(t(words));
  };
  const look = async (chosen: Blob | Promise<Blob>, isNewest: () => boolean) => {
    const photo = await chosen;
    if (!isNewest()) return;
    setPhoto(photo);
    setProblem(null);
    announce(t(modelState.value.kind === "ready" ? "camera.looking" : "camera.waiting_for_model"));
    const id = await lookAt(photo);
    if (isNewest()) go(addressOf("answer", id));
  };
  const begin = (chosen: Blob | Promise<Blob>) => {
    const mine = ++turnRef.current;
    const isNewest = () => turnRef.current === mine;
    look(chosen, isNewest).catch((error: unknown) => {
      if (isNewest()) fail(error);
    });
  };
  const cancel = () => {
    turnRef.current++;
    setPhoto(null);
  };
  return { photo, problem, begin, cancel };
}

/** The way back to the answer before. */
function LastPhoto() {
  const last = ownPhotos.value?.find((each) => each.thumbnail !== null);
  if (last === undefined) return <span />;
  return (
    <a
      class="last-photo"
      href={addressOf("answer", last.id)}
      aria-label={t("camera.last", { time: dayAndTime(new Date(last.keptAt)) })}
    >
      <Picture blob={last.thumbnail} alt="" />
    </a>
  );
}

function HowItWorks() {
  return (
    <section class="how" aria-labelledby="how">
      <h2 id="how">{t("camera.how")}</h2>
      <ol>
        <li>{t("camera.how.one")}</li>
        <li>{t("camera.how.two")}</li>
        <li>{t("camera.how.three")}</li>
      </ol>
      <p class="hint">{t("camera.drop")}</p>
    </section>
  );
}
