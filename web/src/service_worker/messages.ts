/** A page says that its resident wants the version of the app that waits. */
export const TAKE_OVER = "take_over";
