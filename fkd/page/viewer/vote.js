// A blind vote: two models without their names, then the visitor's word, then the names.
import { find, root } from "./elements.js";
import { state } from "./state.js";
import { draw } from "./drawing.js";
import { startTool } from "./gestures.js";

const NEUTRAL = ["#ffc928", "#4db5ff"];
const CHOICES = ["first_better", "second_better", "same", "bad"];
const STORE = "fkd-votes";
let aside = null; // what was shown before: the models, and the points that the visitor has moved

const readVotes = () => {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
};

/** Takes the names and colours from the first two models, in either order. */
export function startVote() {
  const [first, second] = state.data.models;
  const pair = Math.random() < 0.5 ? [first, second] : [second, first];
  state.blind = pair;
  // Without what only some models have: it would tell which is which.
  const bare = (face) => ({ ...face, spread: null, heat: null });
  const blind = pair.map((model, side) => ({
    ...model, name: "AB"[side], colour: NEUTRAL[side], whose: "", faces: model.faces.map(bare),
  }));
  aside = { models: state.data.models, corrected: state.corrected, blind };
  state.data.models = blind;
  state.pair = [0, 1];
  state.corrected = {};
  startTool(null);
  find(".vote").hidden = false;
  find(".tally").textContent = "";
  document.body.toggleAttribute("data-blind", true);
  draw();
  root.querySelector("[data-vote]").focus({ preventScroll: true });
}

/** Gives the models their names back. */
export function endVote() {
  document.body.removeAttribute("data-blind");
  find(".vote").hidden = true;
  if (state.blind) state.corrected = aside.corrected;
  if (state.blind && state.data?.models === aside.blind) state.data.models = aside.models; // and no new value came
  state.blind = null;
}

/** choice: a, b, same or bad. */
export function vote(choice) {
  const [a, b] = state.blind.map(({ name }) => name);
  const votes = readVotes();
  const [first, second] = [a, b].sort();
  const better = { a, b }[choice];
  const kind = better ? (better === first ? "first_better" : "second_better") : choice;
  const key = `${first} ${second}`;
  const mine = (votes[key] ??= Object.fromEntries(CHOICES.map((name) => [name, 0])));
  mine[kind] += 1;
  try {
    localStorage.setItem(STORE, JSON.stringify(votes));
  } catch { /* a browser that keeps nothing: the vote counts for now */ }
  const consent = find(".consent").checked;
  endVote();
  draw();
  root.querySelector("[data-does=vote]").focus({ preventScroll: true });
  find(".tally").textContent =
    `A was ${a}, B was ${b}. Your votes: ${first} better ${mine.first_better}, ${second} better ` +
    `${mine.second_better}, the same ${mine.same}, both bad ${mine.bad}.`;
  if (consent) trigger("submit", { first, second, choice: kind });
}
