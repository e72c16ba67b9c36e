//! The objects that a pickle makes: a list, in which they refer to each other by number.

use std::rc::Rc;

/// A value on the machine's stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// None, a truth value, bytes, or what is too large to be a setting.
    Plain,
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
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

/// Something that the pickle names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// A subclass of tensors, around one of the above.
    RebuildSubclass,
    Storage(Element),
    /// Any other class or function, which is never called.
    Other(Rc<str>),
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
pub(super) enum Object {
    Text(Rc<str>),
    Sequence(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    Storage {
        key: Rc<str>,
        element: Element,
    },
    Tensor(TensorRecord),
    /// What a class or function that is not known would have made.
    Opaque {
        class: Rc<str>,
        /// Set like those of a dict.
        entries: Vec<(Value, Value)>,
        /// Its attributes, or what else its class would be given.
        state: Option<Value>,
    },
}

/// All objects of a pickle, which refer to each other by number.
#[derive(Debug)]
pub(super) struct Objects(pub(super) Vec<Object>);

impl Objects {
    pub(super) fn get(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(i) => self.0.get(i),
            _ => None,
        }
    }

    pub(super) fn all(&self) -> &[Object] {
        &self.0
    }

    pub(super) fn text(&self, value: Value) -> Option<&Rc<str>> {
        match self.get(value) {
            Some(Object::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The entries of a dict, or of an object of any class that has some.
    pub(super) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value) {
            Some(Object::Dict(entries)) => Some(entries),
            Some(Object::Opaque { entries, .. }) if !entries.is_empty() => Some(entries),
            _ => None,
        }
    }

    pub(super) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.get(value) {
            Some(Object::Sequence(items)) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a list of pairs.
    pub(super) fn pairs(&self, value: Value) -> Option<Vec<(Value, Value)>> {
        let pair = |item: &Value| match self.sequence(*item) {
            Some([key, value]) => Some((*key, *value)),
            _ => None,
        };
        self.sequence(value)?.iter().map(pair).collect()
    }
}
