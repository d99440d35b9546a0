import { type RefObject } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { CameraError, type CameraProblem, hasLight, permission, setLight, turnOff, turnOn } from "./live_camera.ts";

export type CameraState = "off" | "starting" | "live" | CameraProblem;

/** Whether something stands in the way of the camera that the resident did not choose. */
export function isProblem(state: CameraState): state is CameraProblem {
  return state !== "off" && state !== "starting" && state !== "live";
}

export interface CameraControls {
  readonly state: CameraState;
  /** Null: it has no lamp. */
  readonly isLit: boolean | null;
  readonly start: () => void;
  readonly switchLight: () => void;
}

/**
 * The camera of a screen: on only while the screen is there and seen, so that no lamp burns in a pocket. It starts by
 * itself where it is allowed already, and when the page is looked at again.
 */
export function useCamera(): CameraControls & { readonly video: RefObject<HTMLVideoElement | null> } {
  const video = useRef<HTMLVideoElement>(null);
  const stream = useRef<MediaStream | null>(null);
  const wanted = useRef(false);
  const [state, setState] = useState<CameraState>("off");
  const [isLit, setLit] = useState<boolean | null>(null);

  const stop = useCallback(() => {
    if (stream.current !== null) turnOff(stream.current);
    stream.current = null;
  }, []);

  const start = useCallback(() => {
    wanted.current = true;
    setState("starting");
    turnOn()
      .then(async (opened) => {
        stop();
        if (!wanted.current || document.hidden || video.current === null) {
          turnOff(opened);
          setState("off");
          return;
        }
        stream.current = opened;
        opened.getVideoTracks()[0]?.addEventListener("ended", () => {
          setState("in_use");
        });
        video.current.srcObject = opened;
        await video.current.play();
        setLit(hasLight(opened) ? false : null);
        setState("live");
      })
      .catch((error: unknown) => {
        stop();
        // `play` is cut off when the screen is left meanwhile, which is no problem of the camera.
        setState(error instanceof CameraError ? error.problem : "off");
      });
  }, [stop]);

  useEffect(() => {
    const followPage = () => {
      if (document.hidden) stop();
      else if (wanted.current && stream.current === null) start();
    };
    document.addEventListener("visibilitychange", followPage);
    void permission().then((state) => {
      if (state === "granted") start();
      if (state === "denied") setState("denied");
    });
    return () => {
      document.removeEventListener("visibilitychange", followPage);
      wanted.current = false;
      stop();
    };
  }, [start, stop]);

  const switchLight = () => {
    if (stream.current === null || isLit === null) return;
    setLight(stream.current, !isLit).then(
      () => {
        setLit(!isLit);
      },
      () => {
        setLit(null); // It says that it has a lamp, and does not obey.
      },
    );
  };
  return { state, video, isLit, start, switchLight };
}
