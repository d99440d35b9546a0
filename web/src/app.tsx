export function App() {
  return (
    <main>
      <h1>Wastelens</h1>
    </main>
  );
}
