/** Marks a text for people. The build puts the words of its language in its place: `words.ts`. */
declare function t(text: TemplateStringsArray, ...values: (string | number)[]): string;
