/** An element of the page, which is there. */
export const $ = (id) => document.getElementById(id);

/** Whatever people type goes in as text, never as markup. */
export function make(tag, className = '', text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** iOS lays its keyboard over the page. Other browsers make the page smaller, as its viewport says. */
export function keepAboveKeyboard() {
  visualViewport?.addEventListener('resize', () => {
    if (visualViewport.scale !== 1) return;
    document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
    window.scrollTo(0, 0);
  });
}
