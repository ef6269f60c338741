/** CAD to any asset and back, at the spot price of now. */

import type { Quote } from "cadfeed-client";
import { product, quotient } from "../decimal.ts";
import type { Page } from "../dialogs.ts";
import { baseOf, make } from "../elements.ts";
import { exactText, priceText, sourceText } from "../format.ts";
import { amountIn } from "./amount.ts";
import { assetChoice, labelled, openDialog } from "./dialog.ts";

/** As many as the smallest unit of Ether has. */
const ASSET_DECIMALS = 18;

export function openConverter({ feed, table }: Page): void {
  const asset = assetChoice(table);
  const [amount, dollars] = [amountField("1"), amountField("")];
  const price = make("p", "tool-note");
  price.setAttribute("role", "status");
  /** The field that the visitor typed in last; the other one follows. */
  let given = amount;

  const quote = (): Quote | undefined => feed.book.quotes.get(asset.value);
  const draw = (): void => {
    const now = quote();
    const typed = amountIn(given.value);
    const other = given === amount ? dollars : amount;
    const isWrong = typed === undefined && given.value.trim();
    given.setCustomValidity(isWrong ? t`Type a number, such as 1234.56.` : "");
    other.setCustomValidity("");
    for (const field of [given, other]) field.ariaInvalid = String(!field.validity.valid);
    const { selectionStart, selectionEnd } = other;
    other.value = typed === undefined || !now ? "" : exactText(converted(typed, now.spot, given === amount));
    // For a visitor who is copying it. Elsewhere some browsers would move the focus there.
    if (other === document.activeElement) other.setSelectionRange(selectionStart, selectionEnd);
    price.textContent =
      given.validationMessage || (now ? priceLine(now) : t`There is no price for ${baseOf(asset.value)} now.`);
    price.classList.toggle("stale", now?.stale === true);
  };
  for (const field of [amount, dollars])
    field.addEventListener("input", () => {
      given = field;
      draw();
    });
  asset.addEventListener("change", draw);

  const dialog = openDialog(t`Convert`, feed.observe({ onHeard: draw }));
  const fields = make("div", "tool-fields");
  fields.append(labelled(t`Asset`, asset), labelled(t`Amount`, amount), labelled(t`Canadian dollars`, dollars));
  const help = make("p", "tool-help", t`Dollars are exact, amounts are rounded down to ${ASSET_DECIMALS} decimals.`);
  dialog.append(fields, price, help);
  draw();
  amount.focus();
  amount.select();
}

/** Dollars for an amount of the asset, or the other way round. */
export function converted(typed: string, spot: string, isAmount: boolean): string {
  return isAmount ? product(typed, spot) : quotient(typed, spot, ASSET_DECIMALS);
}

function priceLine({ symbol, spot, source, stale }: Quote): string {
  const line = t`1 ${baseOf(symbol)} = ${priceText(spot)} CAD (${sourceText(source)})`;
  return stale ? t`${line}. The price is stale: no source confirms it now.` : line;
}

function amountField(value: string): HTMLInputElement {
  const field = document.createElement("input");
  Object.assign(field, { value, inputMode: "decimal", autocomplete: "off", spellcheck: false });
  return field;
}
