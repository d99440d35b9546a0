import { Icon } from "../../parts/icon.tsx";
import { t } from "../../words/words.ts";

/** Chooses a photo of this device. It works whatever the camera does. */
export function ChooseFile(props: {
  /** Looks like the button that most people want here. */
  readonly isMain?: boolean;
  readonly isDisabled?: boolean;
  readonly onChosen: (photo: File) => void;
}) {
  return (
    <label class={props.isMain === true ? "button main choose-file-main" : "choose-file"}>
      <input
        type="file"
        class="hidden-text"
        accept="image/*"
        disabled={props.isDisabled ?? false}
        onChange={(event) => {
          const input = event.currentTarget;
          const file = input.files?.[0];
          if (file !== undefined) props.onChosen(file);
          input.value = ""; // The same file may be chosen again.
        }}
      />
      <Icon name="picture" />
      <span>{t("camera.choose")}</span>
    </label>
  );
}
