//! Reads the pickles that PyTorch writes for state dicts, and nothing more.
//!
//! A pickle is a program for a small stack machine that can call any Python function. Here only the
//! instructions that state dicts are made of exist, no call is ever made, and the three constructors that a
//! state dict names are known by name. All objects live in one list and refer to each other by number, so that
//! neither deep nesting nor cycles can exhaust the stack, and no length that the file claims is believed
//! before the bytes are there. Instructions: Python's `Lib/pickletools.py`.

use std::collections::HashMap;
use std::rc::Rc;

/// Largest pickle that is read; a state dict of this network takes 15 KiB.
pub(super) const MAX_PICKLE_BYTES: u64 = 4 << 20;
/// Most objects; each takes some hundred bytes at most.
const MAX_OBJECTS: usize = 400_000;
/// Longest text.
const MAX_TEXT_BYTES: usize = 4096;

/// A value on the machine's stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// None, a number that does not matter, or a truth value.
    Plain,
    /// A whole number.
    Int(i64),
    /// An object by its number.
    Object(usize),
}

/// What a storage's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F16,
    Bf16,
    F64,
    I64,
    /// What only a checkpoint's other tensors are made of, for example the state of a random generator.
    Other,
}

impl Element {
    /// Bytes of one element.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Other => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

/// A constructor that a state dict may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

/// A tensor: a view of a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorRecord {
    /// Name of the storage's entry in the archive. Shared: a short pickle can name a long one often.
    pub(super) storage: Rc<str>,
    pub(super) element: Element,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

#[derive(Debug)]
enum Object {
    Text(Rc<str>),
    Sequence(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    Storage { key: Rc<str>, element: Element },
    Tensor(TensorRecord),
}

/// The tensors of a state dict, also where it is wrapped as `state_dict` or `model_state_dict`.
///
/// # Errors
/// Says what is not as in a state dict.
pub(super) fn read_state_dict(pickle: &[u8]) -> Result<HashMap<Rc<str>, TensorRecord>, String> {
    let mut machine = Machine {
        input: pickle,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let top = machine.run()?;
    let mut dict = machine.dict(top).ok_or("expected a state dict, found another object")?;
    for wrapper in ["state_dict", "model_state_dict", "model"] {
        if let Some(inner) = machine.entry(dict, wrapper).and_then(|value| machine.dict(value)) {
            dict = inner;
            break;
        }
    }
    let no_tensor = |name: &str| format!("{name}: expected a tensor, found something else");
    let mut tensors = HashMap::new();
    for (key, value) in dict {
        let name = machine.text(*key).ok_or("expected names of tensors as keys, found something else")?;
        match value {
            Value::Object(i) => match &machine.objects[*i] {
                Object::Tensor(tensor) => drop(tensors.insert(Rc::clone(name), tensor.clone())),
                _ => return Err(no_tensor(name)),
            },
            _ => return Err(no_tensor(name)),
        }
    }
    Ok(tensors)
}

struct Machine<'a> {
    input: &'a [u8],
    objects: Vec<Object>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let [opcode] = self.array()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let [version] = self.array()?;
                    if !(2..=5).contains(&version) {
                        return Err(format!("expected pickle protocol 2 to 5, found {version}"));
                    }
                }
                // FRAME: a hint of a length, which is not needed.
                0x95 => drop(self.array::<8>()?),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 => self.stack.push(Value::Plain),
                b'G' => {
                    self.array::<8>()?;
                    self.stack.push(Value::Plain);
                }
                b'K' => {
                    let [v] = self.array()?;
                    self.stack.push(Value::Int(i64::from(v)));
                }
                b'M' => {
                    let v = u16::from_le_bytes(self.array()?);
                    self.stack.push(Value::Int(i64::from(v)));
                }
                b'J' => {
                    let v = i32::from_le_bytes(self.array()?);
                    self.stack.push(Value::Int(i64::from(v)));
                }
                0x8a => self.long()?,
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.push_text(length)?;
                }
                0x8c => {
                    let [length] = self.array()?;
                    self.push_text(usize::from(length))?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push_global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop_text()?, self.pop_text()?);
                    self.push_global(&module, &name)?;
                }
                b'}' => self.push(Object::Dict(Vec::new()))?,
                b']' | b')' => self.push(Object::Sequence(Vec::new()))?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Sequence(items))?;
                }
                0x85..=0x87 => {
                    let count = usize::from(opcode - 0x84);
                    let at = self.stack.len().checked_sub(count).ok_or("the stack is empty")?;
                    let items = self.stack.split_off(at);
                    self.push(Object::Sequence(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => {
                    let [slot] = self.array()?;
                    self.remember(u32::from(slot))?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.remember(slot)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let [slot] = self.array()?;
                    self.recall(u32::from(slot))?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.recall(slot)?;
                }
                b'Q' => self.persistent_id()?,
                b'R' => self.reduce()?,
                // BUILD: attributes of a dict (PyTorch's `_metadata`), which are not needed.
                b'b' => {
                    self.pop()?;
                    let target = self.top()?;
                    if self.dict(target).is_none() {
                        return Err("attributes are set on something that is no dict".into());
                    }
                }
                b'0' => drop(self.pop()?),
                other => return Err(format!("instruction 0x{other:02x} is not one of a state dict")),
            }
            if self.stack.len() > MAX_OBJECTS
                || self.memo.len() > MAX_OBJECTS
                || self.marks.len() > MAX_OBJECTS
            {
                return Err(format!("more than {MAX_OBJECTS} objects"));
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (head, rest) = self.input.split_at_checked(count).ok_or("it ends too early")?;
        self.input = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String, String> {
        let window = &self.input[..self.input.len().min(256)];
        let end = window.iter().position(|b| *b == b'\n').ok_or("a name without an end")?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    /// LONG1: a little-endian number of up to 255 bytes; only those that fit 64 bits are used.
    fn long(&mut self) -> Result<(), String> {
        let [length] = self.array()?;
        let bytes = self.take(usize::from(length))?;
        if bytes.len() > 8 {
            return Err("a number of more than 64 bits".into());
        }
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [fill; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(whole)));
        Ok(())
    }

    fn push(&mut self, object: Object) -> Result<(), String> {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} objects"));
        }
        self.objects.push(object);
        self.stack.push(Value::Object(self.objects.len() - 1));
        Ok(())
    }

    fn push_text(&mut self, length: usize) -> Result<(), String> {
        if length > MAX_TEXT_BYTES {
            return Err(format!("expected names of at most {MAX_TEXT_BYTES} bytes, found {length}"));
        }
        let text = String::from_utf8_lossy(self.take(length)?).into();
        self.push(Object::Text(text))
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let global = match (module, name) {
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
            ("torch", "FloatStorage") => Global::Storage(Element::F32),
            ("torch", "HalfStorage") => Global::Storage(Element::F16),
            ("torch", "BFloat16Storage") => Global::Storage(Element::Bf16),
            ("torch", "DoubleStorage") => Global::Storage(Element::F64),
            ("torch", "LongStorage") => Global::Storage(Element::I64),
            ("torch", "BoolStorage" | "ByteStorage" | "CharStorage" | "IntStorage" | "ShortStorage") => {
                Global::Storage(Element::Other)
            }
            _ => {
                return Err(format!(
                    "it asks for {module}.{name}, which no state dict needs; nothing in it was run \
                     (a whole model is saved again with torch.save(model.state_dict(), FILE))"
                ));
            }
        };
        self.push(Object::Global(global))
    }

    fn top(&self) -> Result<Value, String> {
        self.stack.last().copied().ok_or_else(|| "the stack is empty".into())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|m| *m <= self.stack.len()).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_text(&mut self) -> Result<Rc<str>, String> {
        let value = self.pop()?;
        self.text(value).cloned().ok_or_else(|| "expected a name, found something else".into())
    }

    fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(i) => self.objects.get(i),
            _ => None,
        }
    }

    fn text(&self, value: Value) -> Option<&Rc<str>> {
        match self.object(value) {
            Some(Object::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn dict(&self, value: Value) -> Option<&Vec<(Value, Value)>> {
        match self.object(value) {
            Some(Object::Dict(entries)) => Some(entries),
            _ => None,
        }
    }

    fn entry(&self, dict: &[(Value, Value)], key: &str) -> Option<Value> {
        dict.iter().find(|(k, _)| self.text(*k).is_some_and(|t| **t == *key)).map(|(_, v)| *v)
    }

    fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.object(value) {
            Some(Object::Sequence(items)) => Some(items),
            _ => None,
        }
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), String> {
        match self.top()? {
            Value::Object(i) => match &mut self.objects[i] {
                Object::Sequence(list) => {
                    list.extend(items);
                    Ok(())
                }
                _ => Err("something is appended to what is no list".into()),
            },
            _ => Err("something is appended to what is no list".into()),
        }
    }

    fn set_items(&mut self, items: &[Value]) -> Result<(), String> {
        let Value::Object(i) = self.top()? else { return Err("entries are set on what is no dict".into()) };
        let Object::Dict(entries) = &mut self.objects[i] else {
            return Err("entries are set on what is no dict".into());
        };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let value = self.top()?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let value = self.memo.get(&slot).copied().ok_or("something is recalled that was never remembered")?;
        self.stack.push(value);
        Ok(())
    }

    /// `("storage", type, key, place, count)`.
    fn persistent_id(&mut self) -> Result<(), String> {
        let value = self.pop()?;
        let described = self.sequence(value).and_then(|items| match items {
            [tag, kind, key, ..] if self.text(*tag).is_some_and(|t| **t == *"storage") => {
                match self.object(*kind) {
                    Some(Object::Global(Global::Storage(element))) => {
                        Some((Rc::clone(self.text(*key)?), *element))
                    }
                    _ => None,
                }
            }
            _ => None,
        });
        let (key, element) = described.ok_or("a reference that is no tensor's storage")?;
        self.push(Object::Storage { key, element })
    }

    /// A call: of the known constructors, without calling anything.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Some(Object::Global(global)) = self.object(callee) else {
            return Err("a call of something that is no constructor".into());
        };
        let items = self.sequence(arguments).ok_or("a call without arguments")?;
        match global {
            Global::OrderedDict if items.is_empty() => self.push(Object::Dict(Vec::new())),
            Global::RebuildTensor => {
                let tensor = self.tensor(items).ok_or("a tensor whose description does not make sense")?;
                self.push(Object::Tensor(tensor))
            }
            Global::RebuildParameter => {
                let tensor = items.first().copied().ok_or("a parameter without a tensor")?;
                self.stack.push(tensor);
                Ok(())
            }
            Global::OrderedDict | Global::Storage(_) => Err("a call that no state dict needs".into()),
        }
    }

    /// `(storage, offset, shape, stride, ..)`.
    fn tensor(&self, items: &[Value]) -> Option<TensorRecord> {
        let [storage, Value::Int(offset), shape, stride, ..] = items else { return None };
        let Some(Object::Storage { key, element }) = self.object(*storage) else { return None };
        let sizes = |value: Value| -> Option<Vec<usize>> {
            let items = self.sequence(value).filter(|items| items.len() <= 8)?;
            items
                .iter()
                .map(|item| if let Value::Int(v) = item { usize::try_from(*v).ok() } else { None })
                .collect()
        };
        let (shape, stride) = (sizes(*shape)?, sizes(*stride)?);
        (shape.len() == stride.len()).then_some(TensorRecord {
            storage: Rc::clone(key),
            element: *element,
            offset: usize::try_from(*offset).ok()?,
            shape,
            stride,
        })
    }
}
