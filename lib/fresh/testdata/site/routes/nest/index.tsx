import Near from "./(_islands)/Near.tsx";
import { Note } from "../(_components)/Note.tsx";

export default function Nest() {
  return (
    <Note>
      <Near />
    </Note>
  );
}
