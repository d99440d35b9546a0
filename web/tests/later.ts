/** A promise that is kept, or broken, when the test says so. */
export interface Later<Result> {
  readonly promise: Promise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

export function later<Result>(): Later<Result> {
  let resolve: Later<Result>["resolve"] = () => undefined;
  let reject: Later<Result>["reject"] = () => undefined;
  const promise = new Promise<Result>((keep, breakIt) => {
    resolve = keep;
    reject = breakIt;
  });
  return {
    promise,
    resolve: (result) => {
      resolve(result);
    },
    reject: (error) => {
      reject(error);
    },
  };
}
