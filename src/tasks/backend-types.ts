/** The methods of a backend whose first parameter is the resource. */
export type MethodName<B, R> = {
  [K in keyof B & string]: B[K] extends (resource: infer P, ...args: never[]) => unknown
    ? R extends P
      ? K
      : never
    : never;
}[keyof B & string];

/** The methods of a backend that may be called without a resource. */
export type IndependentMethodName<B> = {
  [K in keyof B & string]: B[K] extends (...args: never[]) => unknown ? K : never;
}[keyof B & string];

/** The methods that can be polled: they answer a boolean or a state. */
export type PollMethodName<B, R> = {
  [K in MethodName<B, R>]: MethodResult<B, K> extends boolean | string ? K : never;
}[MethodName<B, R>];

/** What follows the resource in the parameters of a method. */
export type MethodArgs<B, K extends keyof B> = B[K] extends (resource: never, ...args: infer A) => unknown ? A : never;

/** All parameters of a method that does not get the resource. */
export type IndependentArgs<B, K extends keyof B> = B[K] extends (...args: infer A) => unknown ? A : never;

export type MethodResult<B, K extends keyof B> = B[K] extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never;
