export default function Near() {
  return <b>near</b>;
}
