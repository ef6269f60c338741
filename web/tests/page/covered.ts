/** Texts that cannot be read: others lie on them, or they are cut off. */

/** The texts of these elements that are wider than their place. Runs in the page. */
export function cutOff(elements: Element[]): string[] {
  return elements
    .filter((each) => each.scrollWidth > each.clientWidth)
    .map((each) => `${each.textContent}: ${each.scrollWidth} of ${each.clientWidth} px`);
}

/** The texts of these elements that overlap, or that lie outside their row. Runs in the page. */
export function covered(elements: Element[]): string[] {
  // What only a screen reader reads covers nothing.
  const isSeen = ({ parentElement }: Node) => parentElement && getComputedStyle(parentElement).clipPath === "none";
  const boxesOf = (element: Element) => {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (text) =>
      isSeen(text) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT,
    );
    const boxes: DOMRect[] = [];
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      boxes.push(...range.getClientRects());
    }
    return boxes;
  };
  const places = elements.map((each) => ({
    text: each.textContent,
    boxes: boxesOf(each.querySelector(".ticker") ?? each),
    row: (each.closest("tr, section") ?? each).getBoundingClientRect(),
  }));
  const isOutside = (box: DOMRect, row: DOMRect) =>
    box.left < row.left || box.right > row.right || box.top < row.top - 2 || box.bottom > row.bottom + 2;
  const isOn = (one: DOMRect, other: DOMRect) =>
    one.left < other.right && other.left < one.right && one.top + 4 < other.bottom && other.top + 4 < one.bottom;
  const pairs = places.flatMap((one, at) => places.slice(at + 1).map((other) => [one, other] as const));
  return [
    ...places.filter(({ boxes, row }) => boxes.some((box) => isOutside(box, row))).map(({ text }) => `${text} outside`),
    ...pairs
      .filter(([one, other]) => one.boxes.some((box) => other.boxes.some((on) => isOn(box, on))))
      .map(([one, other]) => `${one.text} on ${other.text}`),
  ];
}
