/** The state of the fixture site. */
import { createDefine } from "fresh";

export type State = { trail: string[]; greeting?: string };

export const define = createDefine<State>();
