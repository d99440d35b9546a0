import { readPhotos } from "../../app_state.ts";
import { ContributionError } from "../../contributions/problems.ts";
import { keep } from "../../contributions/photos.ts";
import { classify } from "../../model_state.ts";
import { PhoneError } from "../../phone/phone.ts";
import { PASSING, passing } from "../answer/passing.ts";

/**
 * Lets the model look at a photo and keeps both; returns under which id the answer is to be shown, and can be. An answer
 * is shown even where there is no room to keep it.
 */
export async function lookAt(photo: Blob): Promise<string> {
  const askedAt = Date.now();
  const answer = await classify(photo);
  try {
    const id = await keep(photo, answer, askedAt);
    await readPhotos();
    return id;
  } catch (error) {
    if (error instanceof ContributionError && error.code === "no_photo") throw error;
    passing.value = { photo, answer };
    return PASSING;
  }
}

/** The words for why there is no answer. */
export type LookProblem = "camera.no_photo" | "camera.photo_too_large" | "camera.failed" | "model.unavailable.why";

/** What to say where a photo could not be looked at. */
export function wordsFor(error: unknown): LookProblem {
  const code = error instanceof PhoneError || error instanceof ContributionError ? error.code : "";
  if (code === "no_photo") return "camera.no_photo";
  if (code === "photo_too_large") return "camera.photo_too_large";
  return code === "no_model" ? "model.unavailable.why" : "camera.failed";
}
