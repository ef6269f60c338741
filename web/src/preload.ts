/**
 * Loads the style sheets of a part of the page that is loaded on demand. The build calls this instead of its own helper,
 * which is a twentieth of the JavaScript that the page loads first, for features that this page does not use.
 */

const sheets: Record<string, Promise<unknown> | undefined> = {};

/** Load these style sheets, then the module that needs them. */
export function __vitePreload<T>(load: () => Promise<T>, files: readonly string[] = []): Promise<T> {
  return Promise.all(files.map(sheet)).then(load);
}

function sheet(file: string): Promise<unknown> {
  sheets[file] ??= new Promise((resolve, reject) => {
    // The page itself names its first one.
    if (document.querySelector(`link[href="/${file}"]`)) return resolve(undefined);
    const link = document.createElement("link");
    link.onload = resolve;
    link.onerror = () => {
      // The next call tries again.
      link.remove();
      sheets[file] = undefined;
      reject(new Error(file));
    };
    link.rel = "stylesheet";
    link.href = `/${file}`;
    document.head.append(link);
  });
  return sheets[file];
}
