import { useState } from "preact/hooks";
import type { Region } from "../../contributions/pictures.ts";
import { Button } from "../../parts/button.tsx";
import { Picture } from "../../parts/picture.tsx";
import { t } from "../../words/words.ts";
import { afterKey, between, MIDDLE, type Point } from "./regions.ts";

interface CoverEditorProps {
  readonly photo: Blob;
  readonly covers: readonly Region[];
  readonly onChange: (covers: readonly Region[]) => void;
}

/**
 * The photo as it will be sent. While something is being covered, a finger draws on it instead of scrolling; with the
 * keyboard a cover is added, moved and made larger or smaller.
 */
export function CoverEditor({ photo, covers, onChange }: CoverEditorProps) {
  const [isDrawing, setDrawing] = useState(false);
  return (
    <section class="covers" aria-labelledby="covers">
      <h2 id="covers">{t("share.cover")}</h2>
      <p class="hint">{t("share.cover.why")}</p>
      <Photo photo={photo} covers={covers} onChange={onChange} isDrawing={isDrawing} />
      {covers.length > 0 && <p class="hint">{t("share.cover.count", { n: covers.length })}</p>}
      <div class="cover-buttons">
        <Button
          icon={isDrawing ? "check" : "cover"}
          onClick={() => {
            setDrawing(!isDrawing);
          }}
        >
          {t(isDrawing ? "share.cover.end" : "share.cover.begin")}
        </Button>
        {isDrawing && (
          <Button
            icon="plus"
            onClick={() => {
              onChange([...covers, MIDDLE]);
            }}
          >
            {t("share.cover.add")}
          </Button>
        )}
        {covers.length > 0 && (
          <Button
            icon="undo"
            onClick={() => {
              onChange(covers.slice(0, -1));
            }}
          >
            {t("share.cover.remove")}
          </Button>
        )}
      </div>
      {isDrawing && (
        <p class="hint cover-keys" id="cover-keys">
          {t("share.cover.keys")}
        </p>
      )}
    </section>
  );
}

function Photo({ photo, covers, onChange, isDrawing }: CoverEditorProps & { readonly isDrawing: boolean }) {
  const drawn = useDrawing((region) => {
    onChange([...covers, region]);
  });
  return (
    <div class={`cover-sheet${isDrawing ? " drawing" : ""}`} {...(isDrawing ? drawn.handlers : {})}>
      <Picture blob={photo} alt={t("answer.photo")} kind="cover-photo" />
      {covers.map((region, place) => (
        <button
          key={place}
          type="button"
          class="cover"
          style={placed(region)}
          disabled={!isDrawing}
          aria-label={t("share.cover.one", { n: place + 1 })}
          aria-describedby="cover-keys"
          onKeyDown={(event) => {
            const isGone = event.key === "Delete" || event.key === "Backspace";
            const after = isGone ? null : afterKey(region, event.key, event.shiftKey);
            if (!isGone && after === null) return;
            event.preventDefault();
            onChange(covers.flatMap((each, other) => (other !== place ? [each] : after === null ? [] : [after])));
          }}
        />
      ))}
      {drawn.region !== null && <span class="cover" style={placed(drawn.region)} />}
    </div>
  );
}

/** A rectangle that a finger or a mouse draws. */
function useDrawing(onDrawn: (region: Region) => void) {
  const [from, setFrom] = useState<Point | null>(null);
  const [region, setRegion] = useState<Region | null>(null);
  const end = () => {
    if (region !== null) onDrawn(region);
    setFrom(null);
    setRegion(null);
  };
  const handlers = {
    onPointerDown(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
      event.currentTarget.setPointerCapture(event.pointerId);
      setFrom(pointIn(event));
    },
    onPointerMove(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
      if (from !== null) setRegion(between(from, pointIn(event)));
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
  return { region, handlers };
}

function pointIn(event: PointerEvent & { readonly currentTarget: HTMLElement }): Point {
  const box = event.currentTarget.getBoundingClientRect();
  const share = (length: number, whole: number) => Math.min(1, Math.max(0, length / whole));
  return { x: share(event.clientX - box.left, box.width), y: share(event.clientY - box.top, box.height) };
}

function placed({ x, y, width, height }: Region) {
  const percent = (share: number) => `${100 * share}%`;
  return { left: percent(x), top: percent(y), width: percent(width), height: percent(height) };
}
