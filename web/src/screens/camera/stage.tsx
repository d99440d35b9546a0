import type { RefObject } from "preact";
import { modelState } from "../../model_state.ts";
import { Button, IconButton } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Picture } from "../../parts/picture.tsx";
import { Progress } from "../../parts/progress.tsx";
import { t } from "../../words/words.ts";
import { ModelProgress } from "../model_progress.tsx";
import { ChooseFile } from "./choose_file.tsx";
import type { CameraProblem } from "./live_camera.ts";
import type { LookProblem } from "./looking.ts";
import type { CameraControls } from "./use_camera.ts";

interface StageProps {
  readonly video: RefObject<HTMLVideoElement | null>;
  readonly camera: CameraControls;
  /** The photo that is being looked at. */
  readonly still: Blob | null;
  /** Why the last one could not be. */
  readonly problem: LookProblem | null;
  readonly onChosen: (photo: Blob) => void;
  readonly onCancel: () => void;
}

/** What the camera sees with the frame to fill, and in the same place whatever stands in the way of it. */
export function Stage({ video, camera, still, problem, onChosen, onCancel }: StageProps) {
  const isLive = camera.state === "live";
  return (
    <div class={`stage${isLive ? " live" : ""}`}>
      <video ref={video} class="stage-picture" playsInline muted hidden={!isLive} aria-hidden="true" />
      {still !== null && <Picture blob={still} alt="" kind="stage-picture" />}
      {(isLive || still !== null) && <Frame isLooking={still !== null} />}
      {isLive && still === null && <p class="stage-hint">{t("camera.hint")}</p>}
      {isLive && camera.isLit !== null && (
        <div class="stage-light">
          <IconButton
            icon="light"
            label={t(camera.isLit ? "camera.light_off" : "camera.light_on")}
            isPressed={camera.isLit}
            onClick={camera.switchLight}
          />
        </div>
      )}
      {!isLive && still === null && <InTheWay camera={camera} onChosen={onChosen} />}
      <div class="stage-foot">
        {problem !== null && still === null && <p class="stage-problem">{t(problem)}</p>}
        {still !== null ? <Looking onCancel={onCancel} /> : modelState.value.kind !== "ready" && <ModelProgress />}
      </div>
    </div>
  );
}

/** The corners of a square, whatever the shape of the stage. */
function Frame({ isLooking }: { readonly isLooking: boolean }) {
  return (
    <svg class={`stage-frame${isLooking ? " looking" : ""}`} viewBox="0 0 100 100" aria-hidden="true" focusable="false">
      <path d="M2 22V12A10 10 0 0 1 12 2H22M78 2H88A10 10 0 0 1 98 12V22M98 78V88A10 10 0 0 1 88 98H78M22 98H12A10 10 0 0 1 2 88V78" />
    </svg>
  );
}

function InTheWay({ camera, onChosen }: Pick<StageProps, "camera" | "onChosen">) {
  switch (camera.state) {
    case "off":
      return (
        <div class="stage-words">
          <Icon name="camera" size={3} />
          <h2>{t("camera.off.title")}</h2>
          <p>{t("camera.off.why")}</p>
          <Button kind="main" icon="camera" onClick={camera.start}>
            {t("camera.turn_on")}
          </Button>
        </div>
      );
    case "starting":
    case "live":
      return <p class="stage-words">{t("camera.starting")}</p>;
    case "denied":
    case "absent":
    case "in_use":
    case "insecure":
      return <Problem problem={camera.state} onRetry={camera.start} onChosen={onChosen} />;
  }
}

function Problem(props: {
  readonly problem: CameraProblem;
  readonly onRetry: () => void;
  readonly onChosen: (photo: Blob) => void;
}) {
  const { problem } = props;
  return (
    <div class="stage-words" role="alert">
      <Icon name={problem === "denied" ? "lock" : "camera"} size={3} />
      <h2>{t(`camera.${problem}.title`)}</h2>
      <p>{t(`camera.${problem}.why`)}</p>
      <ChooseFile isMain onChosen={props.onChosen} />
      {(problem === "denied" || problem === "in_use") && (
        <Button icon="retry" onClick={props.onRetry}>
          {t("app.retry")}
        </Button>
      )}
    </div>
  );
}

function Looking({ onCancel }: { readonly onCancel: () => void }) {
  if (modelState.value.kind === "ready") return <Progress label={t("camera.looking")} share={null} />;
  return (
    <>
      <ModelProgress />
      <Button kind="plain" onClick={onCancel}>
        {t("app.cancel")}
      </Button>
    </>
  );
}
