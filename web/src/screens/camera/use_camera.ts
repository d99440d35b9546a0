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
  /** A start changes nothing any more once the camera was stopped, or started anew, since. */
  const turn = useRef(0);
  const [state, setState] = useState<CameraState>("off");
  const [isLit, setLit] = useState<boolean | null>(null);

  const stop = useCallback(() => {
    turn.current++;
    if (stream.current !== null) turnOff(stream.current);
    stream.current = null;
  }, []);

  const start = useCallback(() => {
    wanted.current = true;
    stop();
    const mine = turn.current;
    setState("starting");
    if (document.hidden) return; // It starts when the page is looked at.
    turnOn()
      .then(async (opened) => {
        if (turn.current !== mine || video.current === null) {
          turnOff(opened);
          return;
        }
        stream.current = opened;
        opened.getVideoTracks()[0]?.addEventListener("ended", () => {
          if (turn.current !== mine) return;
          stop();
          setState("in_use");
        });
        video.current.srcObject = opened;
        await video.current.play();
        if (turn.current !== mine) return;
        setLit(hasLight(opened) ? false : null);
        setState("live");
      })
      .catch((error: unknown) => {
        if (turn.current !== mine) return;
        stop();
        // `play` is cut off when the browser stops it, which is no problem of the camera.
        setState(error instanceof CameraError ? error.problem : "off");
      });
  }, [stop]);

  useEffect(() => {
    let isLeft = false;
    const followPage = () => {
      if (document.hidden) stop();
      else if (wanted.current && stream.current === null) start();
    };
    document.addEventListener("visibilitychange", followPage);
    void permission().then((state) => {
      if (isLeft || wanted.current) return; // Somebody was quicker.
      if (state === "granted") start();
      if (state === "denied") setState("denied");
    });
    return () => {
      isLeft = true;
      document.removeEventListener("visibilitychange", followPage);
      stop();
    };
  }, [start, stop]);

  const switchLight = () => {
    const shown = stream.current;
    if (shown === null || isLit === null) return;
    const note = (lit: boolean | null) => {
      if (stream.current === shown) setLit(lit);
    };
    setLight(shown, !isLit).then(
      () => {
        note(!isLit);
      },
      () => {
        note(null); // It says that it has a lamp, and does not obey.
      },
    );
  };
  return { state, video, isLit, start, switchLight };
}
