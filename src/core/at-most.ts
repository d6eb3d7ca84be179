/**
 * Waits for `work`, but no longer than `ms`: for leave-taking that the other side may never answer. What is left of it
 * goes on by itself, and its failure is nobody's any more.
 */
export async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
