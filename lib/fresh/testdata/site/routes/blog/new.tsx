export default function New() {
  return <h1>New post</h1>;
}
