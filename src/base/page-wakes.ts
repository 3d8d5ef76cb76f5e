/**
 * Calls back when a page wakes: it becomes visible, is no longer frozen, returns by the back button, or the machine is
 * online again. Browsers close the connections of sleeping pages and delay their timers. Does nothing outside of pages.
 *
 * @returns a function that stops the calls.
 */
export function onPageWake(wake: () => void): () => void {
  const { document } = globalThis as { readonly document?: Document };
  if (document === undefined) return () => {};
  const listening = new AbortController();
  const { signal } = listening;
  addEventListener('pageshow', wake, { signal });
  addEventListener('online', wake, { signal });
  document.addEventListener('resume', wake, { signal }); // fired by Chromium when a page is no longer frozen
  const onVisibility = (): void => {
    if (!document.hidden) wake();
  };
  document.addEventListener('visibilitychange', onVisibility, { signal });
  return () => listening.abort();
}
