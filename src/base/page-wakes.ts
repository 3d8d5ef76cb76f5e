/**
 * Calls back when a page wakes: it is shown, was frozen, comes back by the back button, or the machine is online again.
 * Browsers close the connections of pages that sleep, and hold their timers back. Does nothing outside of pages.
 *
 * @returns a function that ends this.
 */
export function onPageWake(wake: () => void): () => void {
  const { document } = globalThis as { readonly document?: Document };
  if (document === undefined) return () => {};
  const listening = new AbortController();
  const { signal } = listening;
  addEventListener('pageshow', wake, { signal });
  addEventListener('online', wake, { signal });
  document.addEventListener('resume', wake, { signal }); // of Chromium, which has frozen the page
  const onVisibility = (): void => {
    if (!document.hidden) wake();
  };
  document.addEventListener('visibilitychange', onVisibility, { signal });
  return () => listening.abort();
}
