import { answer } from "./en/answer.ts";
import { camera } from "./en/camera.ts";
import { search } from "./en/search.ts";
import { share } from "./en/share.ts";
import { shell } from "./en/shell.ts";

/** English, which the others are translated from: one file for each screen. */
export const en = { ...shell, ...camera, ...answer, ...share, ...search } as const;
